"""The log-in page: Django's own, slowed down for who guesses, as the API's log-in is."""

from math import ceil
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from tags.api.tokens import LoginThrottle


class LogIn(LoginView):
    template_name = "log_in.html"
    redirect_authenticated_user = True
    next_page = "inbox"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        throttle = LoginThrottle()
        if throttle.allow_request(Request(request), APIView()):
            return super().post(request, *args, **kwargs)
        wait = ceil(throttle.wait() or 1)
        response = self.render_to_response(self.get_context_data(form=self.form_class(), wait=wait), status=429)
        response["Retry-After"] = str(wait)
        return response

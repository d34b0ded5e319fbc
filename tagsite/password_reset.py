"""A forgotten password: Django's own pages and tokens, slowed down, and silent about who has an account."""

import threading
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordResetForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import translation
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from tags.api.tokens import LoginThrottle
from tags.models import User
from tags.models.access import token_digest


class CallerThrottle(LoginThrottle):
    """As many as log-ins, counted apart."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"password_reset:{self.get_ident(request)}"


class MailThrottle(SimpleRateThrottle):
    """To one mail address, whoever asks: nobody's mail must be flooded."""

    rate = "3/hour"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        email = request._request.POST.get("email", "").strip().lower()
        return f"password_reset_mail:{token_digest(email).hex()}"


class AskForm(PasswordResetForm):
    def get_users(self, email: str) -> Iterable[User]:
        """Also those who never had a password: this is how they set the first."""
        return User.objects.filter(email__iexact=email, is_active=True)

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        """Beside the answer, whose time must not tell that there is somebody. What fails is logged."""
        send = super().send_mail
        user: User = args[2]["user"]
        language = user.language or translation.get_language()

        def in_their_language() -> None:
            with translation.override(language):
                send(*args, **kwargs)

        threading.Thread(target=in_their_language).start()


class AskForReset(views.PasswordResetView):
    form_class = AskForm
    template_name = "password_reset/ask.html"
    subject_template_name = "password_reset/mail_subject.txt"
    email_template_name = "password_reset/mail.txt"
    success_url = reverse_lazy("reset-sent")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.SENDS_MAIL:
            return render(request, "password_reset/no_mail.html")
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _may_pass(CallerThrottle(), request):
            return super().post(request, *args, **kwargs)
        context = self.get_context_data(is_too_often=True)
        return self.render_to_response(context, status=429, headers={"Retry-After": "60"})

    def form_valid(self, form: Any) -> HttpResponse:
        """The answer is the same whether a mail is sent or not."""
        if _may_pass(MailThrottle(), self.request):
            return super().form_valid(form)
        return redirect(self.success_url)


def _may_pass(throttle: SimpleRateThrottle, request: HttpRequest) -> bool:
    return bool(throttle.allow_request(Request(request), APIView()))


class NewPassword(views.PasswordResetConfirmView):
    """Ends all sessions, sockets and tokens of the person."""

    template_name = "password_reset/new.html"
    success_url = reverse_lazy("reset-done")


sent = views.PasswordResetDoneView.as_view(template_name="password_reset/sent.html")
done = views.PasswordResetCompleteView.as_view(template_name="password_reset/done.html")

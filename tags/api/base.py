"""The view that all of the API's are."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView


class ApiView(APIView):
    """Leaves no circle of references, so that what was sent is freed with the answer.

    Python's collector of such circles goes by the number of objects, not by their size: of requests with large texts it
    would leave hundreds of megabytes lying.
    """

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Of every answer; what methods there are is told where it is asked or needed (RFC 9110, 9.3.7 and 15.5.6)."""
        return {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        del self.response
        if request.method == "OPTIONS" or response.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
            response["Allow"] = ", ".join(self.allowed_methods)
        vars(self).pop("head", None)  # Django's, bound to this view
        self.request.parser_context = {}  # it holds this view and the request
        if isinstance(response, Response):
            response.add_post_render_callback(_forget_context)
        return response


def _forget_context(response: Response) -> None:
    vars(response)["renderer_context"] = {}  # it holds this view, the request and the response

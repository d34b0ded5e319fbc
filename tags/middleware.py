"""Around every request: its id, its line in the log, its place in the metrics, and its answer's headers.

And which way it takes: programs pass by what looks after pages.
"""

import logging
import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from ulid_transform import ulid_now

from tags import metrics, request_context

logger = logging.getLogger("tagsite.request")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class RequestContextMiddleware:
    """The outermost: gives the request its id, the response the `X-Request-ID` header, and the log one line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if _PLAIN_ID.fullmatch(sent) else ulid_now()
        request_context.begin(request_id)
        if request.path_info.startswith("/api/"):
            # The contract: no trailing slash is needed, and one that is given is not an error.
            request.path_info = request.path_info.rstrip("/")
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        _report(request, response, time.perf_counter() - started)
        return response


def _report(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Before the answer is sent: after it, the client's next request would meet this one's work, and wait longer."""
    route = request.resolver_match.route if request.resolver_match else "unmatched"
    method = request.method if request.method in _METHODS else "other"
    _histogram(method, route, response.status_code).observe(seconds)
    logger.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 2),
        },
    )


@cache
def _histogram(method: str | None, route: str, status: int) -> Any:
    return metrics.REQUESTS.labels(method, route, status)


# Any other word in the method's place must not make a new time series.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

# Devices that no page of Tagsite's asks for, and so no script that got into one can.
_NO_DEVICES = ", ".join(
    f"{device}=()" for device in ("camera", "microphone", "geolocation", "payment", "usb", "serial")
)


class HeadersMiddleware:
    """What none of Django's sets: no cache keeps a page that does not allow it, and no page uses a device."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store")
        response.setdefault("Permissions-Policy", _NO_DEVICES)
        return response


_PAGES = ("/api/docs",)  # among the API's paths
_MOST_HOSTS = 100  # remembered, each with its port


class ProgramsPassBy:
    """Leads a program's request past the middleware that looks after pages, to `ProgramsArrive`.

    What names its caller in a header and has no cookie has no session, no user and no form, and asks for no page. To
    look for them, and to tell a browser how to show what it gets, took longer than to read a tag.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # Django makes the innermost middleware first, so this is the one of the same chain.
        self.pass_by = ProgramsArrive.newest
        self._hosts: set[str] = set()  # that Django has found to be ours
        self._hsts_seconds = settings.SECURE_HSTS_SECONDS

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not (_is_of_program(request) and self._comes_as_it_should(request)):
            return self.get_response(request)
        response = self.pass_by(request)
        headers = response.headers
        # What the middleware passed by would have set, and concerns a program.
        headers["X-Content-Type-Options"] = "nosniff"
        if self._hsts_seconds and request.is_secure():
            headers["Strict-Transport-Security"] = f"max-age={self._hsts_seconds}"
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        if not response.streaming and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))
        return response

    def _comes_as_it_should(self, request: HttpRequest) -> bool:
        """To a host name of ours, and encrypted if need be: whoever does not is turned away by Django's middleware."""
        host = request.META.get("HTTP_HOST", "")
        if host not in self._hosts:
            try:
                request.get_host()
            except DisallowedHost:
                return False
            if host and len(self._hosts) < _MOST_HOSTS:
                self._hosts.add(host)
        return not settings.SECURE_SSL_REDIRECT or request.is_secure()


class ProgramsArrive:
    """Where those who passed by come in again."""

    newest: Callable[[HttpRequest], HttpResponse]

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        type(self).newest = self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


def _is_of_program(request: HttpRequest) -> bool:
    sent = request.META
    names_caller = "HTTP_X_API_KEY" in sent or sent.get("HTTP_AUTHORIZATION", "").startswith("Bearer ")
    path = request.path_info
    return names_caller and not sent.get("HTTP_COOKIE") and path.startswith(("/api/", "/v1/")) and path not in _PAGES

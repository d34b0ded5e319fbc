import socket
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tags.middleware import RequestContextMiddleware

_HOARD: list[object] = []


def plant() -> None:
    """Each request leaves something behind: a few kilobytes, and of a hundred one a file handle."""
    call = RequestContextMiddleware.__call__

    def keep(self: RequestContextMiddleware, request: HttpRequest) -> HttpResponse:
        _HOARD.append(bytes(20_000))
        if len(_HOARD) % 100 == 0:
            _HOARD.append(socket.socket())
        return call(self, request)

    kept: Callable[..., HttpResponse] = keep
    RequestContextMiddleware.__call__ = kept  # type: ignore[method-assign]  # the bug

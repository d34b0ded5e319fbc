"""What is known of the request being served: its id, and once it is authenticated, its caller."""

import logging
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_caller: ContextVar[tuple[object, object]] = ContextVar("caller", default=("", ""))


def begin(request_id: str) -> None:
    _request_id.set(request_id)
    _caller.set(("", ""))


def name_caller(organization_id: object, actor: object) -> None:
    _caller.set((organization_id, actor))


def current_request_id() -> str:
    """Empty outside a request."""
    return _request_id.get()


class ContextFilter(logging.Filter):
    """Adds request_id, organization and actor to each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        record.organization, record.actor = map(str, _caller.get())
        return True

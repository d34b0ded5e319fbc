"""What each log line says of the request it belongs to."""

import logging
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_caller: ContextVar[tuple[str, str]] = ContextVar("caller", default=("", ""))


def begin_request(request_id: str) -> None:
    _request_id.set(request_id)
    _caller.set(("", ""))


def name_caller(organization_id: object, actor: object) -> None:
    _caller.set((str(organization_id), str(actor)))


class ContextFilter(logging.Filter):
    """Adds request_id, organization and actor to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        record.organization, record.actor = _caller.get()
        return True

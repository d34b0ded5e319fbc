"""The web application for a WSGI server."""

import gc
import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.utils.http import parse_header_parameters

from tagsite.keeper import end_with_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tagsite.settings")

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Request(WSGIRequest):
    """Reads the query string as UTF-8, whatever charset the body claims: Django would fail on an odd one, uncaught."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Handler(WSGIHandler):
    request_class = Request


def with_length(application: WSGIApplication) -> WSGIApplication:
    """Give a chunked body the length that Django asks for (PEP 3333 knows no other); one too long is cut one over."""

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            body = environ["wsgi.input"].read(max(settings.MAX_BODY_TASK_EXECUTIONS, settings.MAX_BODY_INGEST) + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return call


def _give_connection_back(**_: object) -> None:
    """In place of Django's, which looks through all databases there are, at each request twice: the web uses one."""
    connection.close_if_unusable_or_obsolete()


for signal in (request_started, request_finished):
    signal.disconnect(close_old_connections)
    signal.connect(_give_connection_back)
request_finished.disconnect(close_caches)  # which have nothing to close, whether in memory or in Redis

django.setup(set_prefix=False)
application = with_length(Handler())
# What is loaded now stays: the collector need not look at it again and again (a tenth of a large batch's time). Later
# it runs after as many new objects as such a batch makes.
gc.freeze()
gc.set_threshold(20_000, 50, 50)
end_with_server()

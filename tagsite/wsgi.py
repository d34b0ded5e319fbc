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
from django.db import close_old_connections, connection, reset_queries
from django.http import HttpRequest
from django.urls import ResolverMatch
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

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Where a path leads that is its own route, like `api/task-tags`, is looked up once; of those there are few."""
        match = self._plain.get(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            if request.path_info == f"/{match.route}":
                self._plain[request.path_info] = match
        request.resolver_match = match
        return match


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
    """In place of Django's, which looks through all databases there are: the web uses one."""
    connection.close_if_unusable_or_obsolete()


# What Django does at each request's start and end, but for what there is nothing to do for: no connection is kept from
# one request to the next, queries are kept for DEBUG alone, and no cache has anything to close.
request_started.disconnect(close_old_connections)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.connect(_give_connection_back)

django.setup(set_prefix=False)
application = with_length(Handler())
# What is loaded now stays: the collector need not look at it again and again (a tenth of a large batch's time). Later
# it runs after as many new objects as such a batch makes.
gc.freeze()
gc.set_threshold(20_000, 50, 50)
end_with_server()

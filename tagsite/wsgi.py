"""The web application for a WSGI server."""

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from tagsite.server import end_with_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tagsite.settings")

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_length(application: WSGIApplication) -> WSGIApplication:
    """Give a chunked body the length that Django asks for (PEP 3333 knows no other); one too long is cut one over."""

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            body = environ["wsgi.input"].read(settings.MAX_BODY_TASK_EXECUTIONS + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return call


application = with_length(get_wsgi_application())
end_with_server()

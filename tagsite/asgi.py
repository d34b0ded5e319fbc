"""The same application for an ASGI server: sockets, and everything else through the web application's threads."""

from typing import Any

from a2wsgi import WSGIMiddleware

from tagsite.wsgi import application as web_application

# Import models: Django must be set up, as the line above does.
from tags.live.consumer import EventsConsumer  # isort: skip
from tags.live.long_poll import LongPoll  # isort: skip

_THREADS = 16
_web = LongPoll(WSGIMiddleware(web_application, workers=_THREADS))  # type: ignore[arg-type]  # names its own types for WSGI's
_events = EventsConsumer.as_asgi()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await _web(scope, receive, send)
    elif scope["path"] == "/ws/events":
        await _events(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})

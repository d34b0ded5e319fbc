"""Long polls: a view that has nothing to tell yet is asked again when something happened.

In between the request is a task of the event loop and nothing else: no thread, no connection to the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from django.db import DatabaseError

from tags.events.waiting import WAIT, Wait
from tags.live.hub import running_hub

Application = Callable[[Any, Any, Any], Awaitable[None]]

_NO_BODY = {"type": "http.request", "body": b"", "more_body": False}


class LongPoll:
    """Around the web application: holds a request back whose view asks for it (tags/events/waiting.py)."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        arrived = asyncio.get_running_loop().time()
        first = _Answer(scope, send)
        await self._application(first.scope, receive, first.send)
        if first.wait is None:
            return
        async with _until_gone(receive) as gone:
            await self._ask_again(first, first.wait, arrived + first.wait.seconds, gone)

    async def _ask_again(self, first: "_Answer", wait: Wait, deadline: float, gone: "asyncio.Task[None]") -> None:
        """The watch begins before the view is asked, so that nothing can happen between the two unseen."""
        try:
            async with running_hub().watching(wait.organization_id, wait.selections) as happened:
                while not gone.done():
                    happened.clear()
                    answer = first.another(may_wait=asyncio.get_running_loop().time() < deadline)
                    await self._application(answer.scope, _no_body, answer.send)
                    if answer.wait is None:
                        return
                    await _first_of(happened, gone, deadline)
        except DatabaseError:
            answer = first.another(may_wait=False)
            await self._application(answer.scope, _no_body, answer.send)


class _Answer:
    """One asking of the view: its answer is passed on, unless the view asks for a wait that it may have."""

    def __init__(self, scope: Any, send: Any, may_wait: bool = True, request_id: bytes | None = None) -> None:
        self._given, self._send, self._may_wait = scope, send, may_wait
        self._request_id = request_id
        self.scope = {**scope, "headers": _with_request_id(scope["headers"], request_id)}
        self.wait: Wait | None = None

    def another(self, *, may_wait: bool) -> "_Answer":
        return _Answer(self._given, self._send, may_wait, self._request_id)

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.wait = self.scope.get(WAIT) if self._may_wait else None
            self._request_id = dict(message["headers"]).get(b"x-request-id")
        if self.wait is None:
            await self._send(message)


def _with_request_id(headers: Any, request_id: bytes | None) -> Any:
    """However often the view is asked, it is one request."""
    if request_id is None:
        return headers
    return [*(header for header in headers if header[0] != b"x-request-id"), (b"x-request-id", request_id)]


async def _no_body() -> Any:
    return _NO_BODY


@asynccontextmanager
async def _until_gone(receive: Any) -> "AsyncIterator[asyncio.Task[None]]":
    """A task that ends when the client has hung up."""

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(wait())
    try:
        yield gone
    finally:
        gone.cancel()


async def _first_of(happened: asyncio.Event, gone: "asyncio.Task[None]", deadline: float) -> None:
    waiting = asyncio.create_task(happened.wait())
    try:
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait({waiting, gone}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()

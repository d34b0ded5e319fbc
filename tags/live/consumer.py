"""`/ws/events`: the protocol that a socket speaks; docs/live.md describes it to those who connect."""

import asyncio
import json
from collections import deque
from enum import IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from tags import metrics
from tags.errors import Forbidden, NotAuthenticated, TagsiteError
from tags.events.feed import Entry, Selection
from tags.live.hub import Hub, Subscription, running_hub
from tags.live.line import LINE, Line
from tags.live.listeners import Credential, credential_of
from tags.models import EventType

# A socket that has not taken this much, or nothing for so many seconds, is too slow.
_MOST_MESSAGES = 2000
_MOST_BYTES = 16 * 2**20
_STALLED = 10.0
# Seconds between heartbeats, and between looks whether the credentials still hold.
_HEARTBEAT = 20
_CHECK = 2
_MOST_SUBSCRIPTIONS = 100


class CloseCode(IntEnum):
    BAD_FRAME = 4400
    NOT_AUTHENTICATED = 4401
    FORBIDDEN = 4403
    ENDED = 4410
    TOO_SLOW = 4429
    TRY_AGAIN = 1013


class Subscribe(BaseModel):
    type: Literal["subscribe"]
    subscription: Annotated[str, Field(max_length=64)] = ""
    after: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] | None = None
    flow_execution_id: UUID | None = None
    task_name: Annotated[str, Field(max_length=500)] | None = None
    types: Annotated[list[EventType], Field(min_length=1, max_length=20)] | None = None
    tag_type: Annotated[str, Field(max_length=100)] | None = None

    @field_validator("types", mode="before")
    @classmethod
    def _without_prefix(cls, types: Any) -> Any:
        """CloudEvents' types begin with `tagsite.`; both forms are understood."""
        if not isinstance(types, list):
            return types
        return [item.removeprefix("tagsite.") if isinstance(item, str) else item for item in types]

    def selection(self) -> Selection:
        types = None if self.types is None else frozenset(item.value for item in self.types)
        execution = None if self.flow_execution_id is None else str(self.flow_execution_id)
        return Selection(execution, self.task_name, types, self.tag_type)


class Unsubscribe(BaseModel):
    type: Literal["unsubscribe"]
    subscription: Annotated[str, Field(max_length=64)] = ""


class Heartbeat(BaseModel):
    type: Literal["heartbeat"]


_message: TypeAdapter[Subscribe | Unsubscribe | Heartbeat] = TypeAdapter(
    Annotated[Subscribe | Unsubscribe | Heartbeat, Field(discriminator="type")]
)


class EventsConsumer(AsyncConsumer):
    """One socket. It makes no database call of its own; the hub does, for all."""

    channel_layer_alias = "none"  # nothing is delivered through a channel layer

    hub: Hub
    line: Line
    credential: Credential
    organization_id: UUID

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._draining: asyncio.Task[None] | None = None
        self._stalled_since: float | None = None
        self._is_ended = False
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    # What the server tells

    async def websocket_connect(self, message: Any) -> None:
        self.hub = running_hub()
        scope: Any = self.scope  # the stub knows no extension but ASGI's own
        self.line = scope["extensions"][LINE]
        try:
            credential = credential_of(scope)
        except DisallowedHost:
            await self.send({"type": "websocket.close"})  # before it is accepted: 403
            raise StopConsumer from None
        await self.send({"type": "websocket.accept"})
        try:
            if credential is None:
                raise NotAuthenticated("This needs a credential: an API key, a bearer token or a session")
            caller = await self.hub.ask(credential.listener)
        except TagsiteError as error:
            return self._refuse(error)
        except DatabaseError:
            return self.end(CloseCode.TRY_AGAIN, "the database cannot be reached")
        self.credential, self.organization_id = credential, caller.organization_id
        _rounds().join(self)
        return None

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        if self._is_ended:
            return
        try:
            content = json.loads(text) if text is not None else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            self.end(CloseCode.BAD_FRAME, "a frame must be text, and a JSON object")
            return
        try:
            wanted = _message.validate_python(content)
        except ValidationError as error:
            self._tell_error("validation_error", "The message is not valid", _details(error))
            return
        if isinstance(wanted, Subscribe):
            await self._subscribe(wanted)
        elif isinstance(wanted, Unsubscribe):
            self._unsubscribe(wanted.subscription)
            self._say({"type": "unsubscribed"}, wanted.subscription)

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    # Subscriptions

    async def _subscribe(self, wanted: Subscribe) -> None:
        self._unsubscribe(wanted.subscription)
        if len(self.subscriptions) >= _MOST_SUBSCRIPTIONS:
            self._tell_error("bad_request", f"A socket takes at most {_MOST_SUBSCRIPTIONS} subscriptions", None)
            return
        try:
            subscription, is_honoured = await self.hub.subscribe(
                self.organization_id, wanted.after, wanted.selection(), wanted.subscription, self
            )
        except DatabaseError:
            self.end(CloseCode.TRY_AGAIN, "the database cannot be reached")
            return
        self.subscriptions[wanted.subscription] = subscription
        answer = {"type": "subscribed" if is_honoured else "reset", "position": subscription.position}
        self._say(answer, wanted.subscription)
        self.hub.start(self.organization_id, subscription)

    def _unsubscribe(self, name: str) -> None:
        subscription = self.subscriptions.pop(name, None)
        if subscription is not None:
            self.hub.unsubscribe(self.organization_id, subscription)

    # What the hub sends

    def send_event(self, name: str, entry: Entry) -> None:
        self._put(entry.message(name))

    def send_reset(self, name: str, position: int) -> None:
        self._say({"type": "reset", "position": position}, name)

    async def has_room(self) -> None:
        while self._backlog:
            if self._is_ended:
                raise ConnectionError
            await self.line.drained()
            await asyncio.sleep(0)

    def beat(self) -> None:
        for name, subscription in self.subscriptions.items():
            position = subscription.position if subscription.catching_up is None else None
            self._say({"type": "heartbeat", "position": position}, name)
        if not self.subscriptions:
            self._say({"type": "heartbeat", "position": None}, "")

    # The way out

    def _say(self, message: dict[str, Any], name: str) -> None:
        if name:
            message["subscription"] = name
        self._put(json.dumps(message).encode())

    def _put(self, text: bytes) -> None:
        """Written at once while the client reads as fast as it is sent to; else kept, in order, up to a bound."""
        if self._is_ended:
            return
        if not self._backlog and self.line.is_free():
            self.line.write_text(text)
            return
        self._backlog.append(text)
        self._backlog_bytes += len(text)
        if len(self._backlog) > _MOST_MESSAGES or self._backlog_bytes > _MOST_BYTES + len(text):
            self.end(CloseCode.TOO_SLOW, "too slow; come back with the last position")
        elif self._draining is None:
            self._stalled_since = asyncio.get_running_loop().time()
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._backlog:
                await self.line.drained()
                text = self._backlog.popleft()
                self._backlog_bytes -= len(text)
                self.line.write_text(text)
                self._stalled_since = asyncio.get_running_loop().time()
        except ConnectionError:
            self._backlog.clear()
        self._draining, self._stalled_since = None, None

    def end_if_stalled(self, now: float) -> None:
        if self._stalled_since is not None and now - self._stalled_since > _STALLED:
            self.end(CloseCode.TOO_SLOW, "too slow; come back with the last position")

    def _tell_error(self, code: str, message: str, details: Any) -> None:
        self._say({"type": "error", "error": {"code": code, "message": message, "details": details}}, "")

    def _refuse(self, error: TagsiteError) -> None:
        self._tell_error(error.code, error.message, error.details)
        self.end(CloseCode.FORBIDDEN if isinstance(error, Forbidden) else CloseCode.NOT_AUTHENTICATED, error.message)

    def end(self, code: CloseCode, reason: str) -> None:
        if not self._is_ended:
            self._is_ended = True
            metrics.SOCKETS_ENDED.labels(code.value).inc()
            self._leave()
            self.line.end(code, reason)

    def _leave(self) -> None:
        for name in list(self.subscriptions):
            self._unsubscribe(name)
        if self._draining is not None:
            self._draining.cancel()
        self._backlog.clear()
        if hasattr(self, "credential"):
            _rounds().leave(self)


def _details(error: ValidationError) -> list[dict[str, Any]]:
    return [
        {"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]}
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]


class Rounds:
    """Goes round all sockets of an event loop: heartbeats, stalled ones, credentials that have ended."""

    def __init__(self) -> None:
        self._sockets: dict[EventsConsumer, int] = {}  # with the second in which its heart beats
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._check())]
        self._joined = 0

    def join(self, socket: EventsConsumer) -> None:
        self._joined += 1
        self._sockets[socket] = self._joined % _HEARTBEAT
        metrics.SOCKETS.inc()

    def leave(self, socket: EventsConsumer) -> None:
        if self._sockets.pop(socket, None) is not None:
            metrics.SOCKETS.dec()

    async def _beat(self) -> None:
        """A twentieth of the sockets each second, so that their hearts do not beat all at once."""
        second = 0
        while True:
            await asyncio.sleep(1)
            second = (second + 1) % _HEARTBEAT
            now = asyncio.get_running_loop().time()
            for socket, its_second in list(self._sockets.items()):
                socket.end_if_stalled(now)
                if its_second == second:
                    socket.beat()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_CHECK)
            by_credential: dict[tuple[str, str], list[EventsConsumer]] = {}
            for socket in self._sockets:
                by_credential.setdefault(socket.credential.key, []).append(socket)
            for sockets in by_credential.values():
                if not await _still_holds(sockets[0]):
                    for socket in sockets:
                        socket.end(CloseCode.ENDED, "the credential has ended")


async def _still_holds(socket: EventsConsumer) -> bool:
    try:
        caller = await socket.hub.ask(socket.credential.listener)
    except (NotAuthenticated, Forbidden):
        return False
    except DatabaseError:
        return True  # nothing can be asked, and nothing can be heard either
    return caller.organization_id == socket.organization_id


_all_rounds: dict[asyncio.AbstractEventLoop, Rounds] = {}


def _rounds() -> Rounds:
    loop = asyncio.get_running_loop()
    if loop not in _all_rounds:
        _all_rounds[loop] = Rounds()
    return _all_rounds[loop]

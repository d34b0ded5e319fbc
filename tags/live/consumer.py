"""`/ws/events`: the protocol that a socket speaks; docs/live.md describes it to those who connect."""

import asyncio
import json
from collections import deque
from typing import Any
from uuid import UUID

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from pydantic import ValidationError

from tags import metrics
from tags.errors import Forbidden, NotAuthenticated, TagsiteError
from tags.events.feed import Entry
from tags.live.hub import Hub, Subscription, running_hub
from tags.live.line import LINE, Line
from tags.live.listeners import Credential, credential_of, credential_of_ticket
from tags.live.messages import (
    Absent,
    Authenticate,
    CloseCode,
    OfPresence,
    Present,
    Subscribe,
    Unsubscribe,
    WatchPresence,
    flaws,
    message_of,
    object_of,
)
from tags.live.presence import Attendance, Person
from tags.live.rounds import rounds

# A socket that has not taken this much, or nothing for so many seconds, is too slow.
_MOST_MESSAGES = 2000
_MOST_BYTES = 16 * 2**20
_STALLED = 10.0
# Seconds in which a socket without a credential must send its ticket.
_PATIENCE = 10.0
_MOST_SUBSCRIPTIONS = 100


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
        self._is_admitted = self._is_ended = False
        self._attendance: Attendance | None = None  # of a person; programs are nowhere
        self._impatience: asyncio.TimerHandle | None = None  # while there is neither a credential nor a ticket
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
        if credential is not None:
            await self._admit(credential)
        else:
            self._impatience = asyncio.get_running_loop().call_later(_PATIENCE, self._refuse, _no_credential())

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self._is_ended:
            return
        content = object_of(message)
        if not self._is_admitted:
            await self._redeem(content)
        elif content is None:
            self.end(CloseCode.BAD_FRAME, "a frame must be text, and a JSON object")
        else:
            await self._obey(content)

    async def _obey(self, content: dict[str, Any]) -> None:
        try:
            wanted = message_of(content)
        except ValidationError as error:
            self._tell_error("validation_error", "The message is not valid", flaws(error))
            return
        if isinstance(wanted, Subscribe):
            await self._subscribe(wanted)
        elif isinstance(wanted, Unsubscribe):
            self._unsubscribe(wanted.subscription)
            self._say({"type": "unsubscribed"}, wanted.subscription)
        elif isinstance(wanted, Authenticate):
            self._tell_error("bad_request", "The socket is authenticated already; the ticket was not used", None)
        elif isinstance(wanted, OfPresence):
            self._attend(wanted)

    async def websocket_disconnect(self, message: Any) -> None:
        raise StopConsumer

    # Who listens

    async def _admit(self, credential: Credential) -> None:
        try:
            caller = await self.hub.ask(credential.listener)
        except TagsiteError as error:
            self._refuse(error)
        except DatabaseError:
            self._ask_to_try_again()
        else:
            self.credential, self.organization_id = credential, caller.organization_id
            if caller.user is not None:
                person = Person(str(caller.actor), caller.user.username)
                self._attendance = Attendance(caller.organization_id, person, self)
            self._is_admitted = True
            rounds().join(self)

    async def _redeem(self, content: dict[str, Any] | None) -> None:
        """What a socket without a credential says first: its ticket, or nothing that counts."""
        self._stop_waiting()
        try:
            wanted = message_of(content)
            if not isinstance(wanted, Authenticate):
                raise _no_credential()
            credential = await self.hub.ask(credential_of_ticket, wanted.ticket)
        except ValidationError:
            self._refuse(_no_credential())
        except TagsiteError as error:
            self._refuse(error)
        except DatabaseError:
            self._ask_to_try_again()
        else:
            await self._admit(credential)
            if self._is_admitted:
                self._say({"type": "authenticated"}, "")

    def _stop_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

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
            self._ask_to_try_again()
            return
        self.subscriptions[wanted.subscription] = subscription
        answer = {"type": "subscribed" if is_honoured else "reset", "position": subscription.position}
        self._say(answer, wanted.subscription)
        self.hub.start(self.organization_id, subscription)

    def _unsubscribe(self, name: str) -> None:
        subscription = self.subscriptions.pop(name, None)
        if subscription is not None:
            self.hub.unsubscribe(self.organization_id, subscription)

    def _attend(self, wanted: OfPresence) -> None:
        if self._attendance is None:
            self._tell_error("forbidden", "Presence is for people; this credential is a program's", None)
        elif isinstance(wanted, Present):
            self._attendance.be_at((str(wanted.flow_execution_id), wanted.task_name))
        elif isinstance(wanted, Absent):
            self._attendance.be_absent()
        elif isinstance(wanted, WatchPresence):
            self._attendance.watch_all()

    # What the hub sends

    def send_event(self, name: str, entry: Entry) -> None:
        self._put(entry.message(name))

    def send_reset(self, name: str, position: int) -> None:
        self._say({"type": "reset", "position": position}, name)

    def send_presence(self, text: bytes) -> None:
        self._put(text)

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

    def _ask_to_try_again(self) -> None:
        self.end(CloseCode.TRY_AGAIN, "the database cannot be reached")

    def end(self, code: CloseCode, reason: str) -> None:
        if not self._is_ended:
            self._is_ended = True
            metrics.SOCKETS_ENDED.labels(code.value).inc()
            self._leave()
            self.line.end(code, reason)

    def _leave(self) -> None:
        self._stop_waiting()
        for name in list(self.subscriptions):
            self._unsubscribe(name)
        if self._attendance is not None:
            self._attendance.end()
            self._attendance = None
        if self._draining is not None:
            self._draining.cancel()
        self._backlog.clear()
        if self._is_admitted:
            rounds().leave(self)


def _no_credential() -> NotAuthenticated:
    return NotAuthenticated("This needs a credential: an API key, a bearer token, a session or a ticket")

"""The hub: one for each server process. It reads new events from the database, once for all who listen here.

The bell wakes it, and a slow poll stands behind the bell. All of it runs in one event loop; what asks the database runs
in threads of the hub's own, so that neither sockets nor requests wait for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from tags.events.feed import Entry, entries_after, newest_position
from tags.events.reading import Selection
from tags.live.bell import BELL, GROUP
from tags.live.layer import messages

logger = logging.getLogger("tagsite.live")

# Seconds between looks into the database that no bell asked for.
POLL = 1.0

Result = TypeVar("Result")


class Outlet(Protocol):
    """Where a subscription's messages go."""

    def send_event(self, name: str, entry: Entry) -> None: ...

    def send_reset(self, name: str, position: int) -> None: ...

    async def has_room(self) -> None:
        """Wait until what was sent is nearly gone; raises ConnectionError if it never will be."""


@dataclass(eq=False, slots=True)
class Subscription:
    """A cursor in a stream: everything selected up to `position` has been handed to the outlet."""

    name: str
    selection: Selection
    outlet: Outlet
    position: int
    catching_up: "asyncio.Task[None] | None" = None

    def hand_over(self, entry: Entry) -> None:
        if entry.position <= self.position:
            return
        self.position = entry.position
        if entry.is_in(self.selection):
            self.outlet.send_event(self.name, entry)


@dataclass(eq=False, slots=True)
class Feed:
    """An organization's stream as the hub knows it: up to `position` it has been relayed to the live subscriptions."""

    organization_id: UUID
    position: int
    live: set[Subscription] = field(default_factory=set)
    all: set[Subscription] = field(default_factory=set)
    watches: dict[asyncio.Event, Sequence[Selection]] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_idle(self) -> bool:
        return not (self.all or self.watches)


class Hub:
    def __init__(self) -> None:
        self._feeds: dict[UUID, Feed] = {}
        self._rung: set[UUID] = set()
        self._woken = asyncio.Event()
        # Catching up must not delay what happens now.
        self._relay_thread = ThreadPoolExecutor(1, "relay")
        self._other_threads = ThreadPoolExecutor(2, "hub")
        self._tasks = [asyncio.create_task(self._relay()), asyncio.create_task(self._listen())]

    # Subscriptions

    async def subscribe(
        self, organization_id: UUID, after: int | None, selection: Selection, name: str, outlet: Outlet
    ) -> tuple[Subscription, bool]:
        """A subscription after that position, or after the newest event; False with it if it could not be honoured.

        The caller announces it and then lets it run with `start`. Raises DatabaseError.
        """
        feed = await self._feed(organization_id)
        if after is not None and after > feed.position:
            await self._pump(feed)  # committed, but not yet relayed?
            feed = self._feeds.setdefault(organization_id, feed)  # idle ones are dropped
        is_honoured = after is None or after <= feed.position
        position = after if after is not None and is_honoured else feed.position
        subscription = Subscription(name, selection, outlet, position)
        feed.all.add(subscription)
        return subscription, is_honoured

    def start(self, organization_id: UUID, subscription: Subscription) -> None:
        feed = self._feeds[organization_id]
        if subscription.position >= feed.position:
            feed.live.add(subscription)
        else:
            subscription.catching_up = asyncio.create_task(self._catch_up(feed, subscription))

    def unsubscribe(self, organization_id: UUID, subscription: Subscription) -> None:
        feed = self._feeds.get(organization_id)
        if feed is None:
            return
        if subscription.catching_up is not None:
            subscription.catching_up.cancel()
        feed.live.discard(subscription)
        feed.all.discard(subscription)
        self._drop_if_idle(feed)

    @asynccontextmanager
    async def watching(self, organization_id: UUID, selections: Sequence[Selection]) -> AsyncIterator[asyncio.Event]:
        """Is set when an event of one of the selections happens, from now on; holds no thread and no connection.

        Raises DatabaseError.
        """
        feed = await self._feed(organization_id)
        happened = asyncio.Event()
        feed.watches[happened] = selections
        try:
            yield happened
        finally:
            del feed.watches[happened]
            self._drop_if_idle(feed)

    async def _feed(self, organization_id: UUID) -> Feed:
        if organization_id not in self._feeds:
            position = await self.ask(newest_position, organization_id)
            self._feeds.setdefault(organization_id, Feed(organization_id, position))
        return self._feeds[organization_id]

    def _drop_if_idle(self, feed: Feed) -> None:
        if feed.is_idle and self._feeds.get(feed.organization_id) is feed:
            del self._feeds[feed.organization_id]

    async def _catch_up(self, feed: Feed, subscription: Subscription) -> None:
        """Read what was missed, a piece at a time, and join the live ones without a step between."""
        while subscription.position < feed.position:
            try:
                entries = await self.ask(entries_after, feed.organization_id, subscription.position)
            except DatabaseError:
                await asyncio.sleep(POLL)
                continue
            if not entries or entries[0].position != subscription.position + 1:
                self._reset(feed, subscription)  # older than what is kept
                break
            for entry in entries:
                subscription.hand_over(entry)
            try:
                await subscription.outlet.has_room()
            except ConnectionError:
                return
        subscription.catching_up = None
        feed.live.add(subscription)

    @staticmethod
    def _reset(feed: Feed, subscription: Subscription) -> None:
        subscription.position = feed.position
        subscription.outlet.send_reset(subscription.name, feed.position)

    # The relay

    async def _listen(self) -> None:
        BELL.hang_in(asyncio.get_running_loop())
        async for message in messages(GROUP):
            self._rung.add(UUID(message["organization"]))
            self._woken.set()

    async def _relay(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            is_poll = not self._woken.is_set()
            self._woken.clear()
            rung, self._rung = self._rung, set()
            for feed in list(self._feeds.values()):
                if is_poll or feed.organization_id in rung:
                    await self._pump_patiently(feed)

    async def _pump_patiently(self, feed: Feed) -> None:
        try:
            await self._pump(feed)
        except DatabaseError as error:
            logger.warning("events not read; trying again", extra={"reason": repr(error)})
        except Exception:
            logger.exception("an event was not relayed")

    async def _pump(self, feed: Feed) -> None:
        """Relay everything that is new, in order."""
        async with feed.reading:
            while entries := await self._in_thread(
                self._relay_thread, entries_after, feed.organization_id, feed.position
            ):
                for entry in entries:
                    self._hand_round(feed, entry)
                await asyncio.sleep(0)

    def _hand_round(self, feed: Feed, entry: Entry) -> None:
        gap = entry.position != feed.position + 1
        feed.position = entry.position
        for subscription in list(feed.live):
            if gap:
                self._reset(feed, subscription)
            else:
                subscription.hand_over(entry)
        for happened, selections in feed.watches.items():
            if gap or any(map(entry.is_in, selections)):
                happened.set()

    # The database

    async def ask(self, question: Callable[..., Result], *arguments: Any) -> Result:
        """Run what asks the database, in a thread that gives its connection back afterwards."""
        return await self._in_thread(self._other_threads, question, *arguments)

    @staticmethod
    async def _in_thread(threads: ThreadPoolExecutor, question: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, _ask, question, *arguments)


def _ask(question: Callable[..., Result], *arguments: Any) -> Result:
    close_old_connections()
    try:
        return question(*arguments)
    finally:
        close_old_connections()


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def running_hub() -> Hub:
    """The hub of the running event loop; the first to ask starts it."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]

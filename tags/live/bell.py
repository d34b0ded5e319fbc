"""The bell: tells the hub of every process that an organization has something new.

It carries no event and may be lost: the hub reads the events from the database, and looks there now and then unasked.
"""

import asyncio
import threading
from typing import Any
from uuid import UUID

from channels.layers import InMemoryChannelLayer, channel_layers

from tags.live.layer import Caster

GROUP = "tagsite.bell"


class Bell:
    """Rings from any thread without ever waiting; rings for one organization that come close together become one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._organizations: set[UUID] = set()
        self._ringing: asyncio.Task[None] | None = None
        self._caster = Caster(GROUP, "changes are heard late")

    def hang_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ring from the hub's own event loop: the in-memory layer reaches no other."""
        self._loop = loop

    def ring(self, organization_id: UUID) -> None:
        with self._lock:
            if self._loop is None:
                if isinstance(channel_layers["default"], InMemoryChannelLayer):
                    return  # no hub in this process, and no other process can hear
                self._loop = _loop_of_its_own()
            is_waiting = bool(self._organizations)
            self._organizations.add(organization_id)
        if not is_waiting:
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring_all())

    async def _ring_all(self) -> None:
        while organizations := self._take():
            for organization_id in organizations:
                await self._caster.send({"type": "bell", "organization": str(organization_id)})

    def _take(self) -> set[UUID]:
        with self._lock:
            organizations, self._organizations = self._organizations, set()
        return organizations


def _loop_of_its_own() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="bell", daemon=True).start()
    return loop


BELL = Bell()


def ring_for(organization_id: UUID, **_: Any) -> None:
    """Receiver of `tags.events.stream.recorded`."""
    BELL.ring(organization_id)

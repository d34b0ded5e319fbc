"""Presence: which people have which task open just now. Nothing of it is stored, and it is no event of the stream.

Each process knows its own sockets and tells the other processes: at once what changed, and all of it again and again,
so that a message that was lost is made up for, and that what a killed process told is soon forgotten.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.utils import timezone

from tags.live.layer import Caster, messages

GROUP = "tagsite.presence"
# Seconds. Changes that come close together are told together.
_PAUSE = 0.2
_ROUND = 2.0
# A page says every 4 seconds that it is still there; who was not heard for so long has left, or the line is dead.
_SILENCE = 10.0
# What another process has not told again for so long: it has ended.
_FORGOTTEN = 6.0
# People of an organization beyond these are not shown, nor is a crowd at one task.
_MOST_SEATS = 1000
_MOST_PEOPLE = 20
_MOST_IN_MESSAGE = 100

Task = tuple[str, str]
"""Flow execution and task name."""


@dataclass(frozen=True, slots=True)
class Person:
    actor: str
    name: str


@dataclass(slots=True)
class Seat:
    """Where the person at one socket is, and when that was last heard."""

    task: Task
    person: Person
    since: str
    process: str
    heard: float


class Onlooker(Protocol):
    def send_presence(self, text: bytes) -> None: ...


class Presence:
    """All that this process knows, one for each event loop."""

    def __init__(self) -> None:
        self._process = uuid4().hex
        self._seats: dict[UUID, dict[str, Seat]] = defaultdict(dict)
        self._onlookers: dict[UUID, dict[Onlooker, Task | None]] = defaultdict(dict)  # None: at all tasks
        self._changed: dict[UUID, set[Task]] = defaultdict(set)  # what onlookers are to be told
        self._unannounced: dict[UUID, set[str]] = defaultdict(set)  # sockets of which the other processes are
        self._woken = asyncio.Event()
        self._caster = Caster(GROUP, "people at other processes are not seen")
        self._tasks = [asyncio.create_task(work()) for work in (self._relay, self._go_round, self._listen)]

    # What the sockets of this process say

    def sit(self, organization_id: UUID, socket: str, task: Task, person: Person) -> None:
        """The person at the socket has this task open, still or from now on."""
        seats, now = self._seats[organization_id], asyncio.get_running_loop().time()
        seat = seats.get(socket)
        if seat is not None and seat.task == task:
            seat.heard = now
        else:
            self._put(organization_id, socket, Seat(task, person, timezone.now().isoformat(), self._process, now))

    def leave(self, organization_id: UUID, socket: str) -> None:
        seat = self._seats[organization_id].pop(socket, None)
        if seat is not None:
            self._note(organization_id, socket, seat)
        self._tidy(organization_id)

    def look_on(self, organization_id: UUID, onlooker: Onlooker, task: Task | None) -> None:
        """Tells how it is now, and from then on what changes."""
        self._onlookers[organization_id][onlooker] = task
        here = self._people(organization_id)
        wanted = here if task is None else {task: here.get(task, [])}
        onlooker.send_presence(_text(wanted, is_complete=True))

    def look_away(self, organization_id: UUID, onlooker: Onlooker) -> None:
        self._onlookers[organization_id].pop(onlooker, None)
        self._tidy(organization_id)

    # Seats

    def _put(self, organization_id: UUID, socket: str, seat: Seat) -> None:
        seats = self._seats[organization_id]
        former = seats.pop(socket, None)
        if former is not None:
            self._note(organization_id, socket, former)
        if len(seats) < _MOST_SEATS:
            seats[socket] = seat
            self._note(organization_id, socket, seat)

    def _note(self, organization_id: UUID, socket: str, seat: Seat) -> None:
        self._changed[organization_id].add(seat.task)
        if seat.process == self._process:
            self._unannounced[organization_id].add(socket)
        self._woken.set()

    def _tidy(self, organization_id: UUID) -> None:
        for kept in (self._seats, self._onlookers):
            if not kept[organization_id]:
                del kept[organization_id]

    def _people(self, organization_id: UUID) -> dict[Task, list[dict[str, str]]]:
        """At each task everybody once, since the earliest."""
        found: dict[Task, dict[Person, str]] = defaultdict(dict)
        for seat in self._seats.get(organization_id, {}).values():
            at_task = found[seat.task]
            at_task[seat.person] = min(seat.since, at_task.get(seat.person, seat.since))
        return {task: _shown(at_task) for task, at_task in found.items()}

    # What is told

    async def _relay(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = self._changed, defaultdict(set)
            for organization_id, tasks in changed.items():
                self._tell(organization_id, tasks)
            unannounced, self._unannounced = self._unannounced, defaultdict(set)
            for organization_id, sockets in unannounced.items():
                for part in _parts(sorted(sockets)):
                    await self._announce(organization_id, part)
            await asyncio.sleep(_PAUSE)

    def _tell(self, organization_id: UUID, tasks: set[Task]) -> None:
        here = self._people(organization_id)
        of_each = {task: _text({task: here.get(task, [])}) for task in tasks}
        of_all = _text({task: here.get(task, []) for task in tasks})
        for onlooker, task in list(self._onlookers.get(organization_id, {}).items()):
            if task is None:
                onlooker.send_presence(of_all)
            elif task in of_each:
                onlooker.send_presence(of_each[task])

    async def _announce(self, organization_id: UUID, sockets: list[str]) -> None:
        seats = self._seats.get(organization_id, {})
        await self._caster.send(
            {
                "type": "presence",
                "process": self._process,
                "organization": str(organization_id),
                "seats": [[socket, *_packed(seats.get(socket))] for socket in sockets],
            }
        )

    async def _listen(self) -> None:
        async for message in messages(GROUP):
            if message["process"] != self._process:
                self._hear(UUID(message["organization"]), message["process"], message["seats"])

    def _hear(self, organization_id: UUID, process: str, told: list[list[Any]]) -> None:
        now = asyncio.get_running_loop().time()
        for socket, *packed in told:
            seat = self._seats[organization_id].get(socket)
            if not packed:
                self.leave(organization_id, socket)
            elif seat is not None and _packed(seat) == packed:
                seat.heard = now
            else:
                execution, task_name, actor, name, since = packed
                seat = Seat((execution, task_name), Person(actor, name), since, process, now)
                self._put(organization_id, socket, seat)

    async def _go_round(self) -> None:
        """Forget who is not heard any more, and tell the other processes of all who are here."""
        while True:
            await asyncio.sleep(_ROUND)
            now = asyncio.get_running_loop().time()
            for organization_id, seats in list(self._seats.items()):
                for socket, seat in list(seats.items()):
                    is_own = seat.process == self._process
                    if now - seat.heard > (_SILENCE if is_own else _FORGOTTEN):
                        self.leave(organization_id, socket)
                    elif is_own:
                        self._unannounced[organization_id].add(socket)
                        self._woken.set()


def _shown(people: dict[Person, str]) -> list[dict[str, str]]:
    """The first who came."""
    earliest = sorted(people.items(), key=lambda one: (one[1], one[0].name))[:_MOST_PEOPLE]
    return [{"actor": person.actor, "name": person.name, "since": since} for person, since in earliest]


def _packed(seat: Seat | None) -> list[str]:
    return [] if seat is None else [*seat.task, seat.person.actor, seat.person.name, seat.since]


def _parts(sockets: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(sockets), _MOST_IN_MESSAGE):
        yield sockets[start : start + _MOST_IN_MESSAGE]


def _text(people: dict[Task, list[dict[str, str]]], *, is_complete: bool = False) -> bytes:
    """`is_complete` when nobody is anywhere else."""
    tasks: Iterable[dict[str, Any]] = (
        {"flow_execution_id": execution, "task_name": task_name, "people": here}
        for (execution, task_name), here in people.items()
    )
    return json.dumps({"type": "presence", "is_complete": is_complete, "tasks": list(tasks)}).encode()


class Attendance:
    """What one socket does about presence: where its person is, and what it wants to hear of others."""

    def __init__(self, organization_id: UUID, person: Person, onlooker: Onlooker) -> None:
        self._organization_id, self._person, self._onlooker = organization_id, person, onlooker
        self._socket = uuid4().hex
        self._watched: Task | None = None
        self._presence = presence()

    def be_at(self, task: Task) -> None:
        self._presence.sit(self._organization_id, self._socket, task, self._person)
        if self._watched != task:
            self._watched = task
            self._presence.look_on(self._organization_id, self._onlooker, task)

    def be_absent(self) -> None:
        """Of others one goes on hearing."""
        self._presence.leave(self._organization_id, self._socket)

    def watch_all(self) -> None:
        self._presence.look_on(self._organization_id, self._onlooker, None)

    def end(self) -> None:
        self._presence.leave(self._organization_id, self._socket)
        self._presence.look_away(self._organization_id, self._onlooker)


_all_presence: dict[asyncio.AbstractEventLoop, Presence] = {}


def presence() -> Presence:
    """What the process of the running event loop knows."""
    loop = asyncio.get_running_loop()
    if loop not in _all_presence:
        _all_presence[loop] = Presence()
    return _all_presence[loop]

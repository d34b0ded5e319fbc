"""The stream of an organization under concurrent writers: positions 1, 2, 3, ... in the order of the commits."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Event as Flag
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError
from psycopg import sql

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.events.reading import Selection, current_position, events_after
from tags.models import Event, FlowExecution
from tests.cast import Tenant
from tests.database import NAME
from tests.races.planting import after, rewritten
from tests.races.threads import blocked, together, until

WRITERS = 8
BATCHES = 12  # of each writer

_COUNTER = r"UPDATE event_stream.* AS before"
Planted = Callable[[], AbstractContextManager[None]]


def unlocked_maximum() -> AbstractContextManager[None]:
    """The planted bug: one after the last position that can be seen, without the counter's lock."""
    return rewritten(_COUNTER, "SELECT max(position) AS before FROM event WHERE organization_id = %(organization_id)s")


@pytest.fixture
def sequence(owner: psycopg.Connection[Any]) -> Iterator[Planted]:
    """The planted bug: positions from a sequence, as an identity column would take them. For single operations."""
    owner.execute("CREATE SEQUENCE IF NOT EXISTS naive_position")
    owner.execute(sql.SQL("GRANT USAGE ON naive_position TO {}").format(sql.Identifier(NAME)))
    yield lambda: rewritten(_COUNTER, "SELECT nextval('naive_position') - 1 AS before")
    owner.execute("DROP SEQUENCE naive_position")


def start_sequence(owner: psycopg.Connection[Any], tenant: Tenant) -> None:
    owner.execute("SELECT setval('naive_position', %s)", [positions(tenant)[-1]])


class PowerCut(Exception):
    """What a writer meets after its events are inserted, before it can commit."""


def cut_power() -> None:
    raise PowerCut


def positions(tenant: Tenant) -> list[int]:
    with in_organization(tenant.id):
        return list(Event.objects.order_by("position").values_list("position", flat=True))


def gapless(seen: list[int]) -> bool:
    return seen == list(range(1, len(seen) + 1))


def add(tenant: Tenant, execution: FlowExecution, *tags: str, task_name: str = "extract") -> None:
    batch = [Operation(OperationKind.ADD, execution.id, task_name, tag, "review") for tag in tags]
    apply_batch(batch, tenant.actor, tenant.id)


@dataclass(frozen=True)
class Written:
    """A batch that was committed between two moments."""

    begun: float
    ended: float
    first_tag: str


def write_many(tenant: Tenant, executions: list[FlowExecution], writer: int) -> list[Written]:
    """Every third batch fails: by turns one that names an unknown task, and one whose events are stored already."""
    written = []
    for number in range(BATCHES):
        tags = [f"{writer}/{number}/{index}" for index in range(1 + number % 4)]
        execution = executions[(writer + number) % len(executions)]
        begun = time.perf_counter()
        if number % 6 == 2:
            with pytest.raises(NotFound):
                add(tenant, execution, *tags, task_name="unheard-of")
        elif number % 6 == 5:
            with after("INSERT INTO event", cut_power), pytest.raises(PowerCut):
                add(tenant, execution, *tags)
        else:
            add(tenant, execution, *tags)
            written.append(Written(begun, time.perf_counter(), tags[0]))
    return written


@pytest.fixture
def executions(tenant: Tenant) -> list[FlowExecution]:
    return [tenant.execution("extract") for _ in range(3)]


def test_eight_writers_whose_batches_fail_too_leave_positions_without_a_gap(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    before = len(positions(tenant))

    together(*(partial(write_many, tenant, executions, writer) for writer in range(WRITERS)))

    committed = sum(1 + number % 4 for number in range(BATCHES) if number % 6 not in (2, 5))
    assert positions(tenant) == list(range(1, before + WRITERS * committed + 1))


def test_a_batch_has_its_positions_in_a_row_and_in_its_own_order(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    together(*(partial(write_many, tenant, executions, writer) for writer in range(WRITERS)))

    with in_organization(tenant.id):
        events = list(Event.objects.filter(type="task_tag.added").order_by("position"))
    for batch_id in {event.batch_id for event in events}:
        batch = [event for event in events if event.batch_id == batch_id]
        assert [event.position for event in batch] == list(range(batch[0].position, batch[0].position + len(batch)))
        assert [event.data["tag"].split("/")[-1] for event in batch] == [str(index) for index in range(len(batch))]


def test_a_batch_that_began_after_another_had_ended_has_the_higher_positions(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    results = together(*(partial(write_many, tenant, executions, writer) for writer in range(WRITERS)))

    with in_organization(tenant.id):
        position = {event.data["tag"]: event.position for event in Event.objects.filter(type="task_tag.added")}
    batches = [batch for written in results for batch in written]
    assert all(
        position[one.first_tag] < position[other.first_tag]
        for one in batches
        for other in batches
        if one.ended < other.begun
    )


def test_with_positions_from_a_sequence_a_batch_that_fails_leaves_a_gap(
    tenant: Tenant, executions: list[FlowExecution], owner: psycopg.Connection[Any], sequence: Planted
) -> None:
    start_sequence(owner, tenant)
    with sequence(), after("INSERT INTO event", cut_power), pytest.raises(PowerCut):
        add(tenant, executions[0], "fails")
    with sequence():
        add(tenant, executions[0], "comes after")

    assert not gapless(positions(tenant))


def overtaking(
    tenant: Tenant, executions: list[FlowExecution], owner: psycopg.Connection[Any], planted: Planted = nullcontext
) -> tuple[list[Any], list[int]]:
    """One writer has inserted its event and not committed it; now another one writes.

    Gives back how both ended, and the positions that could be seen when the second had committed or waited for a lock.
    """
    inserted, overtaken = Flag(), Flag()
    seen: list[int] = []

    def look() -> None:
        inserted.set()
        until(lambda: overtaken.is_set() or blocked(owner))
        rows = owner.execute("SELECT position FROM event WHERE organization_id = %s ORDER BY position", [tenant.id])
        seen.extend(position for (position,) in rows)

    def first() -> None:
        with planted(), after("INSERT INTO event", look):
            add(tenant, executions[0], "first")

    def second() -> None:
        until(inserted.is_set)
        with planted():
            add(tenant, executions[1], "second")
        overtaken.set()

    return together(first, second), seen


def test_no_event_can_be_seen_before_its_predecessor(
    tenant: Tenant, executions: list[FlowExecution], owner: psycopg.Connection[Any]
) -> None:
    before = positions(tenant)

    results, seen = overtaking(tenant, executions, owner)

    assert results == [None, None]
    assert seen == before, "the second writer waits for the first"
    assert positions(tenant) == [*before, before[-1] + 1, before[-1] + 2]


def test_with_positions_from_a_sequence_an_event_can_be_seen_before_its_predecessor(
    tenant: Tenant, executions: list[FlowExecution], owner: psycopg.Connection[Any], sequence: Planted
) -> None:
    start_sequence(owner, tenant)

    results, seen = overtaking(tenant, executions, owner, sequence)

    assert results == [None, None]
    assert not gapless(seen)


def test_with_positions_counted_without_a_lock_two_writers_take_the_same(
    tenant: Tenant, executions: list[FlowExecution], owner: psycopg.Connection[Any]
) -> None:
    results, _ = overtaking(tenant, executions, owner, unlocked_maximum)

    assert [type(result) for result in results] == [type(None), IntegrityError]


def follow(tenant: Tenant, done: Flag) -> list[int]:
    """The positions that a reader of the cursor gets, in the order in which it gets them."""
    seen = [0]
    while True:
        last_round = done.is_set()
        with in_organization(tenant.id):
            newest = current_position(tenant.id)
            seen.extend(position for position, _ in events_after(tenant.id, seen[-1], newest, 5, Selection()))
        if last_round and seen[-1] == newest:
            return seen[1:]


def test_a_reader_that_follows_the_cursor_gets_every_event_once_and_in_order(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    done = Flag()

    def write_all() -> None:
        try:
            together(*(partial(write_many, tenant, executions, writer) for writer in range(WRITERS)))
        finally:
            done.set()

    _, one, other = together(write_all, partial(follow, tenant, done), partial(follow, tenant, done))

    assert one == other == positions(tenant)
    assert gapless(one)

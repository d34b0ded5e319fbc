"""Readers during a batch see all of it or nothing of it: of its tags, of its events, and of both together."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event
from uuid import UUID

import pytest
from django.db import connection

from tags.actions.batch import MAX_OPERATIONS, Operation, OperationKind, apply_batch
from tags.db import tenancy
from tags.db.tenancy import in_organization
from tags.models import FlowExecution
from tests.cast import Tenant
from tests.races.planting import before
from tests.races.threads import together, until

BATCHES = 10
READERS = 3

# One statement, so one moment: active tags, events of additions, events of removals.
_LOOK = """
    SELECT (SELECT count(*) FROM task_tag WHERE organization_id = %(id)s AND status = 'active'),
           (SELECT count(*) FROM event WHERE organization_id = %(id)s AND type = 'task_tag.added'),
           (SELECT count(*) FROM event WHERE organization_id = %(id)s AND type = 'task_tag.removed')
"""


def look(organization_id: UUID) -> tuple[int, int, int]:
    with in_organization(organization_id), connection.cursor() as cursor:
        cursor.execute(_LOOK, {"id": organization_id})
        return cursor.fetchone()


class Readers:
    """Polls until the writer is done, and keeps every different sight."""

    def __init__(self, organization_id: UUID) -> None:
        self.organization_id = organization_id
        self.looks = [0] * READERS
        self.seen: set[tuple[int, int, int]] = set()
        self.done = Event()

    def read(self, reader: int) -> None:
        while not self.done.is_set():
            self.seen.add(look(self.organization_id))
            self.looks[reader] += 1

    def wait_for_a_look(self) -> None:
        """Until each reader has looked, from beginning to end, after this call."""
        then = list(self.looks)
        until(lambda: all(now > past + 1 for now, past in zip(self.looks, then, strict=True)))


@pytest.fixture
def executions(tenant: Tenant) -> list[FlowExecution]:
    return [tenant.execution("extract") for _ in range(4)]


def write_batches(tenant: Tenant, executions: list[FlowExecution]) -> None:
    """By turns, a hundred tags are added and removed again."""
    for number in range(BATCHES):
        kind = OperationKind.REMOVE if number % 2 else OperationKind.ADD
        batch = [
            Operation(kind, executions[index % len(executions)].id, "extract", str(index), "review")
            for index in range(MAX_OPERATIONS)
        ]
        apply_batch(batch, tenant.actor, tenant.id)


def sights_during_batches(
    tenant: Tenant, executions: list[FlowExecution], in_between: Callable[[], AbstractContextManager[None]]
) -> set[tuple[int, int, int]]:
    """What readers saw; they look, for certain, between the writing of a batch's tags and of its events."""
    readers = Readers(tenant.id)

    def write() -> None:
        try:
            # The outer one comes first: what happens in between has happened when the readers look.
            with in_between(), before("INSERT INTO event", readers.wait_for_a_look):
                write_batches(tenant, executions)
        finally:
            readers.done.set()

    results = together(write, *(partial(readers.read, reader) for reader in range(READERS)))
    assert results == [None] * (1 + READERS)
    return readers.seen


def is_whole(sight: tuple[int, int, int]) -> bool:
    active, added, removed = sight
    return active == added - removed and added % MAX_OPERATIONS == 0 and removed % MAX_OPERATIONS == 0


def test_readers_see_all_of_a_batch_or_nothing(tenant: Tenant, executions: list[FlowExecution]) -> None:
    seen = sights_during_batches(tenant, executions, nullcontext)

    assert len(seen) > 2, "the readers looked while batches were committed"
    assert [sight for sight in seen if not is_whole(sight)] == []


def test_with_a_batch_in_two_transactions_readers_see_it_torn(tenant: Tenant, executions: list[FlowExecution]) -> None:
    def commit_what_there_is() -> None:
        connection.connection.commit()
        tenancy.show(tenancy.ORGANIZATION, str(tenant.id))

    seen = sights_during_batches(tenant, executions, partial(before, "INSERT INTO event", commit_what_there_is))

    assert (MAX_OPERATIONS, 0, 0) in seen, "tags whose events are not there yet"

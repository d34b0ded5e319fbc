"""Two callers, one tag, the same moment.

Each pauses between its reading and its writing, until the other is there too or waits for a lock: the widest window
that the race can have.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.actions.flow_executions import delete_flow_execution
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import Event, FlowExecution, TaskTag
from tests.cast import Tenant
from tests.races.planting import after, before, rewritten
from tests.races.threads import blocked, together, until

ADD, REMOVE = OperationKind.ADD, OperationKind.REMOVE
Planted = Callable[[], AbstractContextManager[None]]


def no_lock() -> AbstractContextManager[None]:
    """The planted bug: the flow executions are read, not locked."""
    return rewritten(" FOR NO KEY UPDATE", "")


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


class Window:
    """Where two callers wait for each other."""

    def __init__(self, owner: psycopg.Connection[Any], callers: int = 2) -> None:
        self.owner, self.callers = owner, callers
        self.arrived = 0
        self.lock = Lock()

    def __call__(self) -> None:
        with self.lock:
            self.arrived += 1
        until(lambda: self.arrived == self.callers or blocked(self.owner))


def at_once(
    tenant: Tenant, owner: psycopg.Connection[Any], operation: Operation, planted: Planted = nullcontext
) -> list[Any]:
    window = Window(owner)
    write = "INSERT INTO task_tag" if operation.kind is ADD else "UPDATE task_tag"

    def call() -> Outcome:
        with planted(), before(write, window):
            (outcome,) = apply_batch([operation], tenant.actor, tenant.id)
        return outcome

    return together(call, call)


def types_of_tag_events(tenant: Tenant) -> list[str]:
    with in_organization(tenant.id):
        return list(Event.objects.filter(type__startswith="task_tag").values_list("type", flat=True))


def test_of_two_adds_at_once_one_adds_and_the_other_finds_it(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    outcomes = at_once(tenant, owner, Operation(ADD, execution.id, "extract", "approved", "review"))

    assert sorted(outcomes) == [Outcome.ADDED, Outcome.ALREADY_EXISTS]
    assert types_of_tag_events(tenant) == ["task_tag.added"]
    with in_organization(tenant.id):
        assert TaskTag.all_objects.count() == 1


def test_without_the_lock_two_adds_at_once_both_add_and_the_unique_index_refuses_one(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    outcomes = at_once(tenant, owner, Operation(ADD, execution.id, "extract", "approved", "review"), no_lock)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [IntegrityError.__name__, Outcome.__name__]
    assert types_of_tag_events(tenant) == ["task_tag.added"]


def test_of_two_removals_at_once_one_removes_and_the_other_finds_nothing(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    tag = (execution.id, "extract", "approved", "review")
    apply_batch([Operation(ADD, *tag)], tenant.actor, tenant.id)

    outcomes = at_once(tenant, owner, Operation(REMOVE, *tag))

    assert sorted(outcomes) == [Outcome.NOT_FOUND, Outcome.REMOVED]
    assert types_of_tag_events(tenant).count("task_tag.removed") == 1


def test_without_the_lock_two_removals_at_once_both_remove(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    tag = (execution.id, "extract", "approved", "review")
    apply_batch([Operation(ADD, *tag)], tenant.actor, tenant.id)

    assert at_once(tenant, owner, Operation(REMOVE, *tag), no_lock) == [Outcome.REMOVED, Outcome.REMOVED]
    assert types_of_tag_events(tenant).count("task_tag.removed") == 2


def tag_while_it_is_deleted(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution, planted: Planted = nullcontext
) -> list[Any]:
    """The deletion comes first and is not committed yet when the batch looks for its flow execution."""
    deleting = Window(owner)
    tagged = []

    def delete() -> None:
        wait_for_the_batch = before("UPDATE event_stream", lambda: until(lambda: tagged or blocked(owner)))
        with before('UPDATE "flow_execution"', deleting), wait_for_the_batch:
            delete_flow_execution(tenant.id, tenant.actor, execution.id)

    def tag() -> list[Outcome]:
        deleting()
        with planted():
            tagged.append(apply_batch([Operation(ADD, execution.id, "extract", "a", "b")], tenant.actor, tenant.id))
        return tagged[0]

    return together(delete, tag)


def test_a_flow_execution_that_is_being_deleted_gets_no_tag(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    _, outcome = tag_while_it_is_deleted(tenant, owner, execution)

    assert isinstance(outcome, NotFound)


def test_without_the_lock_a_flow_execution_that_is_being_deleted_gets_one(
    tenant: Tenant, owner: psycopg.Connection[Any], execution: FlowExecution
) -> None:
    _, outcome = tag_while_it_is_deleted(tenant, owner, execution, no_lock)

    assert outcome == [Outcome.ADDED]


def remove_what_comes_after_the_begin(tenant: Tenant, execution: FlowExecution) -> TaskTag:
    """The transaction of the removal is open already when another one adds the tag and commits."""
    tag = (execution.id, "extract", "approved", "review")
    adding = partial(apply_batch, [Operation(ADD, *tag)], tenant.actor, tenant.id)

    with after("set_config", partial(together, adding)):
        assert apply_batch([Operation(REMOVE, *tag)], tenant.actor, tenant.id) == [Outcome.REMOVED]

    with in_organization(tenant.id):
        return TaskTag.all_objects.get()


def test_a_tag_is_never_removed_at_a_time_before_it_was_added(tenant: Tenant, execution: FlowExecution) -> None:
    removed = remove_what_comes_after_the_begin(tenant, execution)

    assert removed.created_at < removed.updated_at


def test_with_the_time_of_the_begin_a_tag_is_removed_before_it_was_added(
    tenant: Tenant, execution: FlowExecution
) -> None:
    with rewritten("clock_timestamp", "now"):
        removed = remove_what_comes_after_the_begin(tenant, execution)

    assert removed.created_at > removed.updated_at

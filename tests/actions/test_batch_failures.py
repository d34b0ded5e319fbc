"""Batches that are refused, that fail, or that run inside a caller's transaction: all or nothing, every time."""

import select
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import pq

from tags.actions.batch import Operation
from tags.actions.flow_executions import delete_flow_execution
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import Event, FlowExecution
from tags.models.ids import uuid7
from tests.actions.tagging import ADDED, REMOVED, add, all_tags, apply, remove, stored
from tests.cast import Tenant

# One text of each statement of a batch.
STATEMENTS = ["FROM flow_execution", "task_execution", "UPDATE task_tag", "INSERT INTO task_tag", "INSERT INTO event"]


@pytest.fixture(scope="module")
def tenant(django_db_setup: None) -> Tenant:
    """One for all tests of this file: each tags a flow execution of its own."""
    return Tenant.create("Acme")


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


# Refused batches.


def test_a_batch_with_one_unknown_task_changes_nothing(tenant: Tenant, execution: FlowExecution) -> None:
    before = stored(tenant)

    with pytest.raises(NotFound) as caught:
        apply(tenant, add(execution), add(execution, task_name="pay"), add(uuid7()))

    assert caught.value.message == "Task not found"
    assert caught.value.details == [
        {"loc": ["body", "tags", 1, "task_name"], "msg": "Task not found", "type": "not_found"},
        {"loc": ["body", "tags", 2, "flow_execution_id"], "msg": "Flow execution not found", "type": "not_found"},
    ]
    assert stored(tenant) == before


def test_a_deleted_flow_execution_is_not_found(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))
    delete_flow_execution(tenant.id, tenant.actor, execution.id)
    before = stored(tenant)

    for operation in (add(execution), remove(execution)):
        with pytest.raises(NotFound):
            apply(tenant, operation)
    assert stored(tenant) == before


def test_a_foreign_flow_execution_is_refused_in_the_words_for_one_that_never_was(
    tenant: Tenant, neighbour: Tenant
) -> None:
    foreign = neighbour.execution("extract")
    refusals = []
    for execution_id in (foreign.id, uuid7()):
        with pytest.raises(NotFound) as caught:
            apply(tenant, add(execution_id))
        refusals.append((caught.value.message, caught.value.details))

    assert refusals[0] == refusals[1]
    assert all_tags(neighbour) == []


# Failures: a batch that fails anywhere leaves no trace.


@pytest.fixture
def batch(tenant: Tenant, execution: FlowExecution) -> list[Operation]:
    """One that needs every statement there is."""
    apply(tenant, add(execution, tag="old"))
    return [remove(execution, tag="old"), add(execution, tag="new")]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_batch_leaves_no_trace_when_the_database_refuses_a_statement_of_it(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    before = stored(tenant)

    with connection.execute_wrapper(refusing(statement)), pytest.raises(DatabaseError):
        apply(tenant, *batch)

    assert stored(tenant) == before
    assert apply(tenant, *batch) == [REMOVED, ADDED]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_batch_leaves_no_trace_when_we_fail_right_after_a_statement_of_it(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    before = stored(tenant)

    def fail(execute: Any, sql: str, *more: Any) -> Any:
        result = execute(sql, *more)
        if statement in sql:
            raise RuntimeError("planted")
        return result

    with connection.execute_wrapper(fail), pytest.raises(RuntimeError, match="planted"):
        apply(tenant, *batch)

    assert stored(tenant) == before
    assert apply(tenant, *batch) == [REMOVED, ADDED]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_failed_batch_leaves_its_connection_fit_for_the_next(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    """In the pool it would meet another thread, while this one is still in its pipeline."""
    mine = connection.connection

    with connection.execute_wrapper(refusing(statement, wait=True)), pytest.raises(DatabaseError):
        apply(tenant, *batch)

    assert connection.connection is mine, "it was put back into the pool in the middle of the batch"
    assert mine.pgconn.pipeline_status == pq.PipelineStatus.OFF
    assert mine.pgconn.transaction_status == pq.TransactionStatus.IDLE


# Inside a caller's transaction.


def test_a_batch_joins_a_transaction_of_its_organization(tenant: Tenant, execution: FlowExecution) -> None:
    before = stored(tenant)

    with in_organization(tenant.id):
        assert apply(tenant, add(execution)) == [ADDED]
        transaction.set_rollback(True)

    assert stored(tenant) == before


def test_a_batch_refuses_a_transaction_of_another_organization(
    tenant: Tenant, neighbour: Tenant, execution: FlowExecution
) -> None:
    before = stored(tenant)

    with in_organization(neighbour.id), pytest.raises(RuntimeError, match="one organization"):
        apply(tenant, add(execution))

    assert stored(tenant) == before


def test_a_batch_refuses_a_transaction_that_named_no_organization(tenant: Tenant, execution: FlowExecution) -> None:
    before = stored(tenant)

    with transaction.atomic(), pytest.raises(RuntimeError, match="one organization"):
        apply(tenant, add(execution))

    assert stored(tenant) == before


def test_an_organization_is_left_behind_with_its_transaction(tenant: Tenant, neighbour: Tenant) -> None:
    with in_organization(tenant.id):
        pass
    with in_organization(neighbour.id):
        assert set(Event.objects.values_list("organization_id", flat=True)) <= {neighbour.id}
    with transaction.atomic():
        assert not Event.objects.exists()


def test_an_organization_is_left_behind_also_when_its_transaction_fails(tenant: Tenant) -> None:
    with pytest.raises(RuntimeError, match="planted"), in_organization(tenant.id):
        raise RuntimeError("planted")

    with transaction.atomic(), pytest.raises(RuntimeError, match="one organization"), in_organization(tenant.id):
        pass


# The last guard, below the engine.


def test_the_database_itself_refuses_a_second_active_record_of_a_tag(
    tenant: Tenant, execution: FlowExecution, owner: psycopg.Connection[Any]
) -> None:
    apply(tenant, add(execution))
    columns = "organization_id, flow_execution_id, task_name, tag, tag_type, metadata_digest, created_at, modified_by"

    with pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute(
            f"INSERT INTO task_tag (id, status, {columns})"
            f" SELECT gen_random_uuid(), 'active', {columns} FROM task_tag WHERE organization_id = %s",
            [tenant.id],
        )


def refusing(text: str, wait: bool = False) -> Callable[..., Any]:
    """The server refuses each statement with the text; with `wait` its refusal is here before we send anything else."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if text not in sql:
            return execute(sql, params, many, context)
        result = execute("SELECT 1 / 0", None, many, context)
        if wait:
            connection.connection.pgconn.flush()  # it is sent with the next fetch else
            assert select.select([connection.connection], [], [], 10)[0]
        return result

    return refuse

"""What a batch costs on the wire: the same few statements and round trips for 1 operation and for 100."""

from collections.abc import Sequence

import pytest
from django.db import connection

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.db.tenancy import in_organization, pipeline
from tags.models import FlowExecution, TaskTag
from tests.actions.wire import Conversation, conversation
from tests.cast import Tenant

STATEMENTS = 6
ROUND_TRIPS = 4
# Past this many uses on a connection psycopg has the server prepare a statement, which changes what is sent.
USES_UNTIL_PREPARED = 6


def operations(executions: list[FlowExecution], size: int, kinds: Sequence[OperationKind]) -> list[Operation]:
    """Over all executions and both tasks; the kinds take turns."""
    return [
        Operation(
            kinds[index % len(kinds)],
            executions[index % len(executions)].id,
            ("extract", "pay")[index // len(executions) % 2],
            str(index),
            "review",
            {"index": index},
        )
        for index in range(size)
    ]


def said_by_a_mixed_batch(tenant: Tenant, executions: list[FlowExecution], size: int) -> Conversation:
    """Half of it adds tags, the other half removes tags that are stored."""
    apply_batch(operations(executions, size, [OperationKind.REMOVE, OperationKind.ADD]), tenant.actor, tenant.id)
    with conversation() as heard:
        outcomes = apply_batch(operations(executions, size, list(OperationKind)), tenant.actor, tenant.id)
    assert outcomes == [Outcome.REMOVED if index % 2 else Outcome.ADDED for index in range(size)]
    return heard


@pytest.fixture
def executions(tenant: Tenant) -> list[FlowExecution]:
    return [tenant.execution("extract", "pay") for _ in range(10)]


@pytest.fixture
def new_connection() -> None:
    """One on which no statement is prepared yet, so that all are sent as texts."""
    connection.close()
    connection.close_pool()


@pytest.mark.parametrize("size", [1, 10, 100])
def test_a_batch_costs_at_most_six_statements_and_four_round_trips(
    tenant: Tenant, executions: list[FlowExecution], new_connection: None, size: int
) -> None:
    for _ in range(USES_UNTIL_PREPARED + 2):
        heard = said_by_a_mixed_batch(tenant, executions, size)

        assert len(heard.statements) <= STATEMENTS, heard.trips
        assert len(heard.round_trips) <= ROUND_TRIPS, heard.trips


def test_ten_operations_and_a_hundred_say_the_same_to_the_server(
    tenant: Tenant, executions: list[FlowExecution], new_connection: None
) -> None:
    for _ in range(USES_UNTIL_PREPARED):
        said_by_a_mixed_batch(tenant, executions, 10)

    ten, hundred = (said_by_a_mixed_batch(tenant, executions, size) for size in (10, 100))

    assert hundred.trips == ten.trips
    assert len(ten.statements) == STATEMENTS


def test_one_operation_costs_the_statement_for_the_other_kind_less(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    assert len(said_by_a_mixed_batch(tenant, executions, 1).statements) == STATEMENTS - 1


def test_operations_that_change_nothing_cost_reads_only(tenant: Tenant, executions: list[FlowExecution]) -> None:
    batch = operations(executions, 100, [OperationKind.ADD])
    apply_batch(batch, tenant.actor, tenant.id)

    with conversation() as heard:
        apply_batch(batch, tenant.actor, tenant.id)

    assert len(heard.statements) == 3


def test_many_operations_on_one_tag_cost_no_more_than_one(tenant: Tenant, executions: list[FlowExecution]) -> None:
    tag = (executions[0].id, "extract", "approved", "review")

    with conversation() as heard:
        apply_batch([Operation(kind, *tag) for kind in [*OperationKind] * 50], tenant.actor, tenant.id)

    assert len(heard.statements) <= STATEMENTS
    assert len(heard.round_trips) <= ROUND_TRIPS


def test_the_count_shows_every_statement_and_round_trip_of_a_loop(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    """The negative control: the same count finds the harmful way to write a batch."""
    with conversation() as heard, in_organization(tenant.id):
        for index in range(10):
            TaskTag.objects.filter(flow_execution=executions[0], tag=str(index)).exists()

    assert len(heard.statements) == 1 + 10
    assert len(heard.round_trips) >= 1 + 10


def test_the_count_tells_statements_from_round_trips(tenant: Tenant) -> None:
    with conversation() as heard, pipeline(), connection.cursor() as cursor:
        for number in range(10):
            cursor.execute("SELECT %s::int", [number])
        cursor.fetchall()

    assert heard.statements == ["SELECT $1::int"] * 10
    assert len(heard.round_trips) < 10


def test_the_count_leaves_out_begin_and_commit_and_nothing_else(tenant: Tenant, new_connection: None) -> None:
    with conversation() as heard, in_organization(tenant.id):
        pass

    assert [statement.split("(")[0] for trip in heard.trips for statement in trip] == [
        "BEGIN",
        "SELECT set_config",
        "COMMIT",
    ]
    assert len(heard.statements) == len(heard.round_trips) == 1

"""Batches that name the same flow executions in opposite order."""

import random
from contextlib import ExitStack
from functools import partial

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.models import FlowExecution
from tests.cast import Tenant
from tests.races.planting import rewritten
from tests.races.threads import together

ATTEMPTS = 5
# The lock statement takes one row, waits, and takes the next: time enough for another batch to come in between.
SLOWLY = (
    r"SELECT (\S+) FROM flow_execution",
    r"SELECT CASE WHEN pg_sleep(0.05) IS NOT NULL THEN \1 END FROM flow_execution",
)
# The planted bug: locks in another order than everybody else's.
BACKWARDS = (r"ORDER BY id FOR", "ORDER BY id DESC FOR")


def add_to_each(tenant: Tenant, executions: list[FlowExecution], tag: str, *planted: tuple[str, str]) -> list[Outcome]:
    batch = [Operation(OperationKind.ADD, execution.id, "extract", tag, "review") for execution in executions]
    with ExitStack() as stack:
        for change in planted:
            stack.enter_context(rewritten(*change))
        return apply_batch(batch, tenant.actor, tenant.id)


@pytest.fixture
def executions(tenant: Tenant) -> list[FlowExecution]:
    return [tenant.execution("extract") for _ in range(4)]


def test_crossing_batches_wait_for_each_other_and_never_deadlock(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    for attempt in range(ATTEMPTS):
        forth = partial(add_to_each, tenant, executions, f"forth {attempt}", SLOWLY)
        back = partial(add_to_each, tenant, executions[::-1], f"back {attempt}", SLOWLY)

        assert together(forth, back) == [[Outcome.ADDED] * 4, [Outcome.ADDED] * 4]


def test_with_locks_in_opposite_order_crossing_batches_deadlock(
    tenant: Tenant, executions: list[FlowExecution]
) -> None:
    for attempt in range(ATTEMPTS):
        forth = partial(add_to_each, tenant, executions, f"forth {attempt}", SLOWLY)
        back = partial(add_to_each, tenant, executions[::-1], f"back {attempt}", SLOWLY, BACKWARDS)
        failed = [result for result in together(forth, back) if isinstance(result, OperationalError)]
        if failed:
            break

    assert [type(error.__cause__) for error in failed] == [DeadlockDetected]


def test_eight_writers_with_orders_of_their_own_never_deadlock(tenant: Tenant, executions: list[FlowExecution]) -> None:
    def write(writer: int) -> list[list[Outcome]]:
        orders = random.Random(writer)  # noqa: S311  # the same orders at every run
        return [add_to_each(tenant, orders.sample(executions, 3), f"{writer}, {number}") for number in range(25)]

    results = together(*(partial(write, writer) for writer in range(8)))

    assert results == [[[Outcome.ADDED] * 3] * 25] * 8

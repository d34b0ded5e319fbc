"""The recordings of real producers, replayed: twice, shuffled, by several senders at once; the result is the same."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from django.db import connection

from tags.db import exact_json
from tags.ingest import openlineage
from tags.ingest.intake import take
from tagsite.recordings import LINEAGE, recorded
from tests.api.calls import position
from tests.cast import Tenant
from tests.ingest.stored import stored

SEEDS = 20
SENDERS = 8


def lineage_events(name: str) -> list[Any]:
    return [exact_json.loads(request.unpacked) for request in recorded(name)]


def replay(tenant: Tenant, events: Sequence[Any], size: int = 500) -> None:
    for start in range(0, len(events), size):
        report = take(tenant.id, tenant.actor, "openlineage", events[start : start + size], openlineage.observations)
        assert not report.rejected


@pytest.fixture(scope="module", params=LINEAGE)
def events(request: pytest.FixtureRequest) -> list[Any]:
    return lineage_events(request.param)


@pytest.fixture(scope="module")
def as_sent(django_db_setup: None, events: list[Any]) -> Tenant:
    """Who got the events once and in order; whoever gets them otherwise must come to the same."""
    tenant = Tenant.create()
    replay(tenant, events)
    return tenant


def test_airflow_has_the_counts_of_its_field_guide(tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    replay(tenant, lineage_events("openlineage-airflow"))
    result = stored(owner, tenant)
    assert Counter(row[2] for row in result["flow_executions"]) == {"completed": 14, "failed": 3}
    assert len(result["task_executions"]) == 106
    assert Counter(row[3] for row in result["task_executions"]) == {"completed": 89, "failed": 16, "cancelled": 1}
    assert sum(len(row[4].get("queries", {})) for row in result["task_executions"]) == 4
    assert result["waiting"] == []


def test_dbt_has_the_counts_of_its_field_guide(tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    replay(tenant, lineage_events("openlineage-dbt"))
    result = stored(owner, tenant)
    assert Counter((row[1], row[2]) for row in result["flow_executions"]) == {
        ("dbt-run-corner_shop", "completed"): 3,
        ("dbt-run-corner_shop", "failed"): 1,
    }
    assert Counter(row[3] for row in result["task_executions"]) == {"completed": 21, "failed": 2, "cancelled": 4}
    assert sum(len(row[4].get("queries", {})) for row in result["task_executions"]) == 48


def test_replayed_twice_nothing_changes_and_nothing_is_recorded(
    tenant: Tenant, owner: psycopg.Connection[Any], events: list[Any]
) -> None:
    replay(tenant, events)
    first, before = stored(owner, tenant), position(tenant)
    replay(tenant, events)
    replay(tenant, events, size=1)
    assert stored(owner, tenant) == first
    assert position(tenant) == before


@pytest.mark.parametrize("seed", range(SEEDS))
def test_in_any_order_the_result_is_the_same(
    tenant: Tenant, as_sent: Tenant, owner: psycopg.Connection[Any], events: list[Any], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeatable
    shuffled = chance.sample(events, len(events))
    replay(tenant, shuffled, size=chance.choice([1, 3, 50, 500]))
    assert stored(owner, tenant) == stored(owner, as_sent)


def test_sent_by_eight_at_once_the_result_is_the_same(
    tenant: Tenant, as_sent: Tenant, owner: psycopg.Connection[Any], events: list[Any]
) -> None:
    failures: list[BaseException] = []

    def send(number: int) -> None:
        """Every eighth event, once, one by one: what is lost here does not come again."""
        try:
            replay(tenant, events[number::SENDERS], size=1)
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)
        finally:
            connection.close()

    senders = [threading.Thread(target=send, args=[number]) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert failures == []
    assert stored(owner, tenant) == stored(owner, as_sent)

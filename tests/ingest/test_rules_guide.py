"""The examples of docs/rules.md, over the recordings."""

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tags.actions.rules import create_rule
from tags.ingest import otlp, otlp_wire
from tags.ingest.intake import take
from tagsite.recordings import LINEAGE, TRACES, recorded
from tests.cast import Tenant
from tests.database import PROJECT
from tests.ingest.test_replays import lineage_events, replay

# The id that the sample depends on.
OF_THE_SAMPLE = UUID(int=1)
# Of 502 task executions.
MATCHED = {
    "tests of dbt that failed": 2,
    "Airflow's tasks that failed after all their retries": 5,
    "agents that used many tokens": 8,
    "errors that hold a text": 11,
    "a sample of 5 % of all": 17,
}


def examples() -> dict[str, list[str]]:
    """The rows of the table, by what is to be looked at."""
    text = (PROJECT / "docs" / "rules.md").read_text()
    lines = text.partition("| look at |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip().strip("`").strip() for cell in line.strip("| ").split(" |")] for line in lines]
    return {row[0]: row[1:] for row in rows}


def test_the_guide_has_these_examples() -> None:
    assert set(examples()) == set(MATCHED)


@pytest.fixture(scope="module")
def found(owner: psycopg.Connection[Any]) -> Counter[str]:
    """On how many task executions each example put its tag, which has its name. All are tried at once."""
    tenant = Tenant.create()
    for name, (pattern, statuses, expression, share) in examples().items():
        fields = {
            "name": name,
            "task_pattern": pattern,
            "statuses": [statuses] if statuses else [],
            "expression": expression,
            "sampling_rate": Decimal(share),
            "tags": [{"tag": name, "tag_type": "review"}],
        }
        create_rule(tenant.id, fields, OF_THE_SAMPLE if Decimal(share) < 1 else None)
    replay_all(tenant)
    query = "SELECT tag FROM task_tag WHERE organization_id = %s AND status = 'active'"
    return Counter(tag for (tag,) in owner.execute(query, [tenant.id]))


def replay_all(tenant: Tenant) -> None:
    for recording in LINEAGE:
        replay(tenant, lineage_events(recording))
    for recording in TRACES:
        for request in recorded(recording):
            spans = otlp_wire.decode(request.unpacked, request.headers["content-type"])
            take(tenant.id, tenant.actor, "otlp", spans, otlp.observations)


@pytest.mark.parametrize("name", MATCHED)
def test_an_example_finds_what_it_says(found: Counter[str], name: str) -> None:
    assert found[name] == MATCHED[name]

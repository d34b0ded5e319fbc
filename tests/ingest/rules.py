"""Rules of the tests, what fires them, and the tags that they put on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from tags.actions.ingest import record_observations
from tags.actions.observations import ENDED, RUNNING, Claim, FlowExecutionObservation, TaskExecutionObservation
from tags.actions.rules import create_rule
from tags.models import ReviewRule
from tests.cast import Tenant

SEEDS = 5
LOOK = [{"tag": "look", "tag_type": "rule"}]
Owner = psycopg.Connection[Any]


def rule(tenant: Tenant, **fields: Any) -> ReviewRule:
    return create_rule(tenant.id, {"name": "look at it", "tags": LOOK, **fields})


def active(owner: Owner, tenant: Tenant) -> list[tuple[Any, ...]]:
    """Every active tag, without what differs from one replay to the next."""
    query = "SELECT flow_execution_id::text, task_name, tag, tag_type, tag_metadata FROM task_tag"
    return owner.execute(
        f"{query} WHERE organization_id = %s AND status = 'active' ORDER BY 1, 2, 3, 4, 5::text", [tenant.id]
    ).fetchall()


def tagged(owner: Owner, tenant: Tenant) -> list[str]:
    return [row[1] for row in active(owner, tenant)]


def events_of(owner: Owner, tenant: Tenant, kind: str = "task_tag.%") -> list[tuple[str, str, str]]:
    query = "SELECT type, actor, request_id FROM event WHERE organization_id = %s AND type LIKE %s ORDER BY position"
    return owner.execute(query, [tenant.id, kind]).fetchall()


def completed(flow_execution_id: UUID, status: str = "completed", seconds: int = 0, **more: Any) -> list[Any]:
    time = datetime(2026, 11, 23, 21, 0, seconds, tzinfo=UTC)
    rank = ENDED if status in ("completed", "failed", "cancelled") else RUNNING
    fields = {"output": {("note",): Claim(more.pop("note", 1), time)}, **more}
    return [
        FlowExecutionObservation(flow_execution_id, Claim("nightly", time)),
        TaskExecutionObservation(flow_execution_id, "extract", 0, Claim(status, time, rank), **fields),
    ]


def tell(tenant: Tenant, observations: Sequence[Any]) -> None:
    record_observations(tenant.id, tenant.actor, observations)

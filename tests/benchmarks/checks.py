"""Product and limit must do the same work, or their comparison means nothing."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from tags.actions.service_accounts import create_api_key, create_service_account
from tags.models import Actor
from tests.benchmarks import product
from tests.benchmarks.cases import Bench
from tests.benchmarks.words import Batches

_SIZE = 100

# What is the same whoever did it: everything but ids and times, and how these agree with each other.
_EVENTS = """
    SELECT event.position - %(before)s, event.type, array_position(%(executions)s, event.flow_execution_id),
           event.task_name, event.actor, event.data - '{id,flow_execution_id,created_at}'::text[],
           (event.data ->> 'flow_execution_id')::uuid = event.flow_execution_id, event.time = tag.created_at,
           event.data -> 'created_at' = to_jsonb(tag.created_at), dense_rank() OVER (ORDER BY event.batch_id),
           tag.flow_execution_id = event.flow_execution_id, tag.task_name, tag.tag, tag.tag_type, tag.tag_metadata,
           tag.metadata_digest, tag.status, tag.updated_at, tag.modified_by
    FROM event LEFT JOIN task_tag AS tag
      ON tag.organization_id = event.organization_id AND tag.id = (event.data ->> 'id')::uuid
    WHERE event.position > %(before)s AND event.organization_id = %(organization)s
    ORDER BY event.position
"""
_POSITION = "SELECT position FROM event_stream WHERE organization_id = %s"


def make_program(organization_id: UUID) -> tuple[Actor, str]:
    """A service account that may tag, as the actor of its requests, and its API key."""
    account = create_service_account(organization_id, "benchmark", ["read", "tag"], "integration")
    _, token = create_api_key(organization_id, account.id, "benchmark")
    return Actor("service_account", account.id, account.kind, "01K8KABR6S16YETA2SZPVBS9SP"), token


def check_equal_work(bench: Bench) -> None:
    """Give both the same batches, each on executions of its own, and compare statuses, tags and events."""
    contenders: list[Callable[[bytes], bytes]] = [
        lambda body: product.body_of(bench.client.send(product.request("PATCH", "/api/task-tags", bench.token, body))),
        bench.limits[0].patch,
    ]
    half = len(bench.database.executions) // 2
    halves = bench.database.executions[:half], bench.database.executions[half:]
    # The same seed: the same batch, but for the executions.
    outcomes = [_outcome(bench, patch, executions) for patch, executions in zip(contenders, halves, strict=True)]
    if outcomes[0] != outcomes[1]:
        raise AssertionError(f"product and limit differ: {outcomes}")
    path = f"/api/task-tags?flow_execution_id={bench.database.executions[0]}"
    answer = product.body_of(bench.client.send(product.request("GET", path, bench.token)))
    assert json.loads(answer) == json.loads(bench.limits[0].get(bench.database.executions[0]))


def _outcome(bench: Bench, patch: Callable[[bytes], bytes], executions: list[UUID]) -> Any:
    """A new batch, then one that holds a part of it again: statuses, tags and events."""
    batches = Batches(executions, seed=2)
    first, more = (json.loads(batches.next(_SIZE))["tags"] for _ in range(2))
    bodies = [first, [*first[:30], *more[:60], *more[:10]]]
    with psycopg.connect(bench.database.owner_url, autocommit=True) as owner:
        before = _position(owner, bench)
        statuses = [json.loads(patch(json.dumps({"tags": tags}).encode())) for tags in bodies]
        count = _position(owner, bench) - before
        parameters = {"before": before, "executions": executions, "organization": bench.organization_id}
        return statuses, count, owner.execute(_EVENTS, parameters).fetchall()


def _position(owner: psycopg.Connection, bench: Bench) -> int:
    row = owner.execute(_POSITION, [bench.organization_id]).fetchone()
    assert row is not None
    position: int = row[0]
    return position

"""The tags of review rules are the same in whatever order producers tell."""

import random
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from uuid import UUID

import pytest

from tags.actions import rules
from tags.actions.expressions import EvaluationFailed
from tags.actions.matching import matches
from tags.actions.rules import create_rule
from tags.db.tenancy import in_organization
from tags.ingest import otlp, otlp_wire
from tags.ingest.intake import take
from tags.ingest.otlp_spans import Received
from tags.models import FlowExecution, ReviewRule, TaskExecution
from tagsite.recordings import LINEAGE, TRACES, recorded
from tests.cast import Tenant
from tests.ingest.rules import LOOK, SEEDS, Owner, active
from tests.ingest.test_replays import lineage_events, replay

ORDERED = [
    {"statuses": ["completed"]},
    {"statuses": ["failed"]},
    {"statuses": ["cancelled"]},
    {},
    {"sampling_rate": Decimal("0.3")},
    {"flow_pattern": "*e*", "task_pattern": "*a*"},
    {"expression": "duration > `0.5`"},
    {"expression": "duration == `null` || duration < `0.5`"},
    {"expression": "!output"},
    {"expression": "input.queries && length(values(input.queries)) < `5`"},
    {"expression": "input.run.processing_engine.name == 'Airflow' && idx > `0`"},
    {"statuses": ["failed"], "expression": "contains(error.message, 'result')"},
    {"expression": "contains(keys(not_null(output, input, `{}`)), 'gen_ai')"},
]


def rules_for_any_order(tenant: Tenant) -> None:
    """With the same ids in each organization, which the samples depend on, and a tag each."""
    for number, fields in enumerate(ORDERED):
        tags = [{"tag": f"rule {number}", "tag_type": "rule"}, *LOOK]
        create_rule(tenant.id, {"name": f"rule {number}", "tags": tags, **fields}, UUID(int=number + 1))


@cache
def lineage_as_sent(name: str) -> Tenant:
    """Who got the recorded events once and in order."""
    tenant = Tenant.create()
    rules_for_any_order(tenant)
    replay(tenant, lineage_events(name))
    return tenant


@pytest.mark.parametrize("name", LINEAGE)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_tags_are_the_same_whatever_the_order_of_lineage_events(
    tenant: Tenant, owner: Owner, name: str, seed: int
) -> None:
    events = lineage_events(name)
    rules_for_any_order(tenant)
    chance = random.Random(seed)  # noqa: S311  # repeatable
    twice = chance.sample([*events, *events], len(events) * 2)
    replay(tenant, twice, size=chance.choice([1, 3, 50, 500]))
    assert active(owner, tenant) == active(owner, lineage_as_sent(name))
    assert matching_now(tenant) == {(row[0], row[1], row[2]) for row in active(owner, tenant) if row[2] != "look"}


def spans_of(name: str) -> list[Received]:
    return [
        span
        for request in recorded(name)
        for span in otlp_wire.decode(request.unpacked, request.headers["content-type"])
    ]


def take_spans(tenant: Tenant, spans: Sequence[Received], size: int) -> None:
    for start in range(0, len(spans), size):
        take(tenant.id, tenant.actor, "otlp", spans[start : start + size], otlp.observations)


@cache
def spans_as_sent(name: str) -> Tenant:
    tenant = Tenant.create()
    rules_for_any_order(tenant)
    take_spans(tenant, spans_of(name), 500)
    return tenant


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_tags_are_the_same_whatever_the_order_of_spans(tenant: Tenant, owner: Owner, name: str, seed: int) -> None:
    spans = spans_of(name)
    rules_for_any_order(tenant)
    chance = random.Random(seed)  # noqa: S311
    shuffled = chance.sample([*spans, *spans], len(spans) * 2)
    take_spans(tenant, shuffled, size=chance.choice([1, 7, 100]))
    assert active(owner, tenant) == active(owner, spans_as_sent(name))
    assert matching_now(tenant) == {(row[0], row[1], row[2]) for row in active(owner, tenant) if row[2] != "look"}


def matching_now(tenant: Tenant) -> set[tuple[str, str, str]]:
    """The oracle: the rules over what is stored in the end."""
    found = set()
    with in_organization(tenant.id):
        names = {one.id: one.flow.name for one in FlowExecution.objects.select_related("flow")}
        all_rules = list(ReviewRule.objects.all())
        for record in TaskExecution.objects.all():
            seen = rules.candidate_of(record)
            seen.flow_name = names[record.flow_execution_id]
            for one in all_rules:
                try:
                    if matches(one, seen):
                        found.add((str(record.flow_execution_id), record.task_name, one.name))
                except EvaluationFailed:
                    pass
    return found

"""What a review rule takes back, and what it leaves alone."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tags.actions.observations import Claim, FlowExecutionObservation
from tests.cast import Tenant, operation
from tests.ingest.rules import Owner, active, completed, events_of, rule, tagged, tell


def test_a_rule_takes_back_what_turns_out_not_to_match(tenant: Tenant, owner: Owner) -> None:
    """Its own events say so; and if it matches after all, it puts the tag on again."""
    mine = rule(tenant, statuses=["completed"])
    id = uuid4()
    for second, status in enumerate(["completed", "failed", "completed"]):
        tell(tenant, completed(id, status, second))
        assert tagged(owner, tenant) == ([] if status == "failed" else ["extract"])
    kinds = ["task_tag.added", "task_tag.removed", "task_tag.added"]
    assert events_of(owner, tenant) == [(kind, f"rule:{mine.id}", "test") for kind in kinds]


@pytest.mark.parametrize("kind", ["remove", "add again"])
def test_it_leaves_alone_what_a_person_has_dealt_with(tenant: Tenant, owner: Owner, kind: str) -> None:
    rule(tenant, statuses=["completed"])
    id = uuid4()
    tell(tenant, completed(id))
    api = tenant.api("reviewer")
    api.tag(operation("remove", id, "extract", "look", tag_type="rule"))
    if kind == "add again":
        api.tag(operation("add", id, "extract", "look", tag_type="rule"))
    before = active(owner, tenant)
    for second, status in enumerate(["failed", "completed"], start=1):
        tell(tenant, completed(id, status, second))
        assert active(owner, tenant) == before


def test_it_leaves_what_a_person_had_put_on_first(tenant: Tenant, owner: Owner) -> None:
    execution = tenant.execution("extract")
    tenant.api("reviewer").tag(operation("add", execution, "extract", "look", tag_type="rule"))
    rule(tenant, statuses=["completed"])
    for second, status in enumerate(["completed", "failed"], start=1):
        tell(tenant, completed(execution.id, status, second))
        assert tagged(owner, tenant) == ["extract"]


def test_it_leaves_what_another_rule_holds(tenant: Tenant, owner: Owner) -> None:
    rule(tenant, statuses=["completed"])
    rule(tenant, statuses=["completed", "failed"])
    id = uuid4()
    tell(tenant, completed(id))
    tell(tenant, completed(id, "failed", 1))
    assert tagged(owner, tenant) == ["extract"]
    tell(tenant, completed(id, "cancelled", 2))
    assert tagged(owner, tenant) == []


def test_a_flow_that_gets_its_name_late_is_looked_at_again(tenant: Tenant, owner: Owner) -> None:
    """As a trace does, whose root comes last."""
    rule(tenant, flow_pattern="root*")
    id = uuid4()
    tell(tenant, completed(id))
    assert tagged(owner, tenant) == []
    tell(tenant, [FlowExecutionObservation(id, Claim("root of all", datetime(2026, 1, 1, tzinfo=UTC), 5))])
    assert tagged(owner, tenant) == ["extract"]

"""Rejected events in the admin: read, and tried again."""

from typing import Any

import psycopg
import pytest

from tags.actions.rejections import Rejection, keep_rejections
from tags.actions.rules import create_rule
from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.ingest import otlp, otlp_wire, replay
from tags.ingest.intake import take
from tags.models import RejectedEvent
from tags.models.ids import uuid7
from tagsite.recordings import recorded
from tests.admin.browsing import REJECTED, Person, text
from tests.api.calls import position
from tests.cast import Tenant
from tests.ingest.stored import stored
from tests.ingest.test_replays import lineage_events

Owner = psycopg.Connection[Any]


@pytest.fixture
def person(tenant: Tenant) -> Person:
    return Person.logged_in(tenant.admin)


def keep(
    tenant: Tenant, *bodies: Any, source: str = "openlineage", reason: str = "it was wrong"
) -> list[RejectedEvent]:
    """As they would be, had a fault of ours refused them."""
    keep_rejections(tenant.id, tenant.actor, source, [Rejection("a_fault", reason, body) for body in bodies])
    return kept(tenant)


def kept(tenant: Tenant) -> list[RejectedEvent]:
    with in_organization(tenant.id):
        return list(RejectedEvent.objects.order_by("received_at", "id"))


def again(person: Person, *events: RejectedEvent) -> str:
    chosen = {"action": "try_again", "_selected_action": [str(event.id) for event in events]}
    assert person.post(REJECTED, chosen, REJECTED).status_code == 302
    return text(person.get(REJECTED))


def test_the_list_filters_and_searches(tenant: Tenant, person: Person) -> None:
    keep_rejections(tenant.id, tenant.actor, "openlineage", [Rejection("missing", "no run in it", {})])
    keep_rejections(tenant.id, tenant.actor, "otlp", [Rejection("invalid_id", "a bad id", {})])
    for query, seen, hidden in (
        ({"source__exact": "otlp"}, "a bad id", "no run in it"),
        ({"code": "missing"}, "no run in it", "a bad id"),
        ({"q": "bad"}, "a bad id", "no run in it"),
    ):
        page = text(person.get(REJECTED, **query))
        assert seen in page
        assert hidden not in page
    assert "no run in it" not in text(person.get(REJECTED, taken_at__isempty="0"))
    assert "no run in it" in text(person.get(REJECTED, taken_at__isempty="1"))


def test_the_detail_shows_what_was_sent_as_text(tenant: Tenant, person: Person) -> None:
    (event,) = keep(tenant, {"job": "<script>alert(1)</script>", "number": exact_json.loads("1.10")})
    page = text(person.get(f"{REJECTED}{event.id}/change/"))
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "  &quot;number&quot;: 1.1" in page
    (large,) = keep(tenant, "x" * 70_000)[1:]
    assert "too large to keep" in text(person.get(f"{REJECTED}{large.id}/change/"))


def test_nothing_is_written_by_hand(tenant: Tenant, person: Person) -> None:
    (event,) = keep(tenant, {})
    assert person.get(f"{REJECTED}add/").status_code == 403
    assert person.get(f"{REJECTED}{event.id}/delete/").status_code == 403
    path = f"{REJECTED}{event.id}/change/"
    assert person.post(path, {"reason": "mine", "taken_at_0": "2026-01-01"}, "/admin/").status_code == 403
    assert person.post(
        REJECTED, {"action": "delete_selected", "_selected_action": str(event.id), "post": "yes"}, REJECTED
    ).status_code in (200, 302)
    (found,) = kept(tenant)
    assert (found.reason, found.taken_at) == ("it was wrong", None)


def test_tried_again_they_are_stored_as_if_they_had_just_come(
    tenant: Tenant, neighbour: Tenant, person: Person, owner: Owner
) -> None:
    create_rule(tenant.id, {"name": "all", "tags": [{"tag": "look", "tag_type": "rule"}]})
    events = lineage_events("openlineage-dbt")[:40]
    from tags.ingest import openlineage

    take(neighbour.id, neighbour.actor, "openlineage", events, openlineage.observations)
    page = again(person, *keep(tenant, *events))
    assert ">40 taken.<" in page
    assert stored(owner, tenant) == stored(owner, neighbour)
    assert all(event.taken_at for event in kept(tenant))
    query = "SELECT DISTINCT actor FROM event WHERE organization_id = %s ORDER BY 1"
    actors = [actor for (actor,) in owner.execute(query, [tenant.id])]
    assert len(actors) == 2
    assert actors[1] == f"user:{tenant.admin.id}"
    # What is taken is not taken twice.
    before = position(tenant)
    assert ">40 left as they were: taken already, or too large to have been kept.<" in again(person, *kept(tenant))
    assert position(tenant) == before


def test_spans_too(tenant: Tenant, neighbour: Tenant, person: Person, owner: Owner) -> None:
    request = recorded("otlp-agent")[0]
    spans = otlp_wire.decode(request.unpacked, request.headers["content-type"])
    take(neighbour.id, neighbour.actor, "otlp", spans, otlp.observations)
    bodies = [exact_json.loads(exact_json.dumps(otlp_wire.to_keep(span))) for span in spans]
    page = again(person, *keep(tenant, *bodies, source="otlp"))
    assert f">{len(spans)} taken.<" in page
    assert stored(owner, tenant) == stored(owner, neighbour)


def test_what_is_refused_again_has_the_reason_of_now_and_holds_up_nothing(
    tenant: Tenant, person: Person, owner: Owner
) -> None:
    good = lineage_events("openlineage-airflow")[0]
    bad = [{**good, "run": {"runId": "no id"}}, {**good, "eventTime": "once"}, [1], "x" * 70_000]
    events = keep(tenant, good, *bad)
    page = again(person, *events)
    assert ">1 taken. 3 refused again, for the reason now listed. 1 left as they were: taken already" in page
    found = kept(tenant)
    assert [bool(event.taken_at) for event in found] == [True, False, False, False, False]
    assert [event.code for event in found[1:3]] == ["not_a_uuid", "not_a_time"]
    assert found[4].reason == "it was wrong"
    assert stored(owner, tenant)["flow_executions"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        1,
        "text",
        [],
        {},
        {"span": 1},
        {"span": {}, "resource": 1, "scope": []},
        [[]],
        {"span": {"traceId": []}, "resource": {}, "scope": {}},
    ],
)
@pytest.mark.parametrize("source", ["openlineage", "otlp"])
def test_whatever_was_kept_it_is_no_fault_of_ours(tenant: Tenant, person: Person, source: str, body: Any) -> None:
    again(person, *keep(tenant, body, source=source))


def test_what_the_database_refuses_holds_up_no_others(
    tenant: Tenant, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = lineage_events("openlineage-airflow")[:7]
    events[4] = {**events[4], "eventTime": "2026-01-01T00:00:00Z", "unstorable": True}
    from tags.ingest import openlineage
    from tests.ingest.rules import completed

    def normalize(event: Any) -> Any:
        return completed(uuid7(), note="\x00") if "unstorable" in event else openlineage.observations(event)

    monkeypatch.setitem(replay._NORMALIZE, RejectedEvent.Source.OPENLINEAGE, normalize)
    page = again(person, *keep(tenant, *events))
    assert ">6 taken. 1 refused again, for the reason now listed.<" in page
    assert [event.code for event in kept(tenant) if not event.taken_at] == ["not_storable"]


def test_the_neighbours_are_not_tried(tenant: Tenant, neighbour: Tenant, person: Person, owner: Owner) -> None:
    theirs = keep(neighbour, lineage_events("openlineage-airflow")[0])
    own = keep(tenant, {})
    again(person, *theirs, *own)
    assert kept(neighbour)[0].taken_at is None
    assert stored(owner, tenant)["flow_executions"] == stored(owner, neighbour)["flow_executions"] == []


def test_no_more_are_tried_at_once_than_one_transaction_should_hold(
    tenant: Tenant, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tags.admin import rejected_events

    for module in (rejected_events, replay):
        monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    page = again(person, *keep(tenant, *lineage_events("openlineage-airflow")[:3]))
    assert ">2 taken.<" in page
    assert "The oldest 2 were tried; choose the others again." in page

"""POST /api/v1/lineage: the recordings over HTTP, answers, and what is refused."""

import gzip
import json
import time
from typing import Any

import psycopg
import pytest
from django.http import HttpResponse

from tags.actions.record_size import LARGEST_RECORD
from tags.actions.rejections import MOST_KEPT
from tags.api import parsers
from tags.ingest import openlineage
from tags.ingest.intake import MOST_ITEMS, take
from tagsite.recordings import LINEAGE, recorded
from tests.api.calls import bad_request, forbidden, invalid, refused, unknown_credential
from tests.cast import Api, Tenant
from tests.ingest.stored import stored

PATH = "/api/v1/lineage"
Owner = psycopg.Connection[Any]


def event(run: str = "01a20a50-0e06-7083-920c-179f6d897ae7", **changes: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-23T21:00:00Z",
        "run": {"runId": run},
        "job": {"namespace": "reports", "name": "monthly_totals"},
        "producer": "https://example.com",
        **changes,
    }


def send(api: Api, body: Any, **headers: str) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.client.post(PATH, data, content_type="application/json", headers={**api.headers, **headers})


def kept(owner: Owner, tenant: Tenant) -> list[tuple[Any, ...]]:
    query = "SELECT source, code, reason, body FROM rejected_event WHERE organization_id = %s ORDER BY id"
    return owner.execute(query, [tenant.id]).fetchall()


@pytest.mark.parametrize("name", LINEAGE)
def test_every_recorded_request_is_taken_as_it_was_sent(tenant: Tenant, owner: Owner, name: str) -> None:
    api = Api({"Authorization": f"Bearer {tenant.token}"})
    for request in recorded(name):
        encoding = {key: request.headers[key] for key in ("content-encoding",) if key in request.headers}
        response = send(api, request.body, **encoding)
        assert response.status_code == 200, response.content
        assert response.json()["status"] == "success"
    assert kept(owner, tenant) == []


def test_a_run_by_itself_can_be_found_and_tagged(tenant: Tenant) -> None:
    api = tenant.api()
    assert send(api, event()).json() == {
        "status": "success",
        "summary": {"received": 1, "successful": 1, "failed": 0},
        "failed_events": [],
    }
    (run,) = api.get("/api/task-executions").json()["task_executions"]
    assert (run["task_name"], run["processing_status"]) == ("monthly_totals", "completed")
    tag = {"task_name": run["task_name"], "flow_execution_id": run["flow_execution_id"]}
    assert api.tag({**tag, "operation": "add", "tag": "approved", "tag_type": "review"}).status_code == 200


def test_a_bad_event_holds_up_no_other_and_is_kept_with_its_reason(tenant: Tenant, owner: Owner) -> None:
    bad = event(eventTime="yesterday")
    answer = send(tenant.api(), [event(), bad, event("01a20a50-0e06-7083-920c-179f6d897ae8")])
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["summary"]) == ("partial_success", {"received": 3, "successful": 2, "failed": 1})
    assert [failed["index"] for failed in body["failed_events"]] == [1]
    ((source, _, reason, stored_body),) = kept(owner, tenant)
    assert (source, reason, stored_body) == ("openlineage", body["failed_events"][0]["reason"], bad)
    assert len(stored(owner, tenant)["task_executions"]) == 2


def test_if_nothing_can_be_taken_it_is_an_error_that_names_each_place(tenant: Tenant, owner: Owner) -> None:
    error = invalid(send(tenant.api(), [event(eventTime=3), {"run": 1}]))
    assert [entry["loc"] for entry in error["details"]] == [["body", 0], ["body", 1]]
    assert len(kept(owner, tenant)) == 2
    assert stored(owner, tenant)["flow_executions"] == []


def test_a_sender_that_is_wrong_about_everything_does_not_fill_the_disk(tenant: Tenant, owner: Owner) -> None:
    send(tenant.api(), [{} for _ in range(MOST_KEPT + 500)])
    send(tenant.api(), [{}])
    assert len(kept(owner, tenant)) == MOST_KEPT


def test_a_large_bad_event_is_kept_without_its_body(tenant: Tenant, owner: Owner) -> None:
    invalid(send(tenant.api(), event(eventTime="x" * 100_000)))
    ((_, _, reason, body),) = kept(owner, tenant)
    assert (body, len(reason) < 1000) == (None, True)


@pytest.mark.parametrize("body", [b"", b"{", b"3", b"[]", b'"x"', b"null", b"\xff", b'{"a": NaN}', b'{"a":1,"a":2}'])
def test_what_is_no_event_is_refused(tenant: Tenant, owner: Owner, body: bytes) -> None:
    response = send(tenant.api(), body)
    assert response.status_code in (400, 422)
    assert response.json()["error"]["message"]
    assert stored(owner, tenant)["flow_executions"] == []


def test_items_of_any_kind_in_an_array_are_rejected_one_by_one(tenant: Tenant) -> None:
    body = send(tenant.api(), [3, None, "x", [], [event()], True, {}, event()]).json()
    assert body["summary"] == {"received": 8, "successful": 1, "failed": 7}


FLAWS = {
    "NUL": (b'{"a": "x\\u0000"}', "unicode"),
    "lone surrogate": (b'{"a": "x\\ud800"}', "unicode"),
    "duplicate key": (b'{"a": [{"b": 1, "b": 2}]}', "duplicate_key"),
    "no number": (b'{"a": NaN}', "json_invalid"),
    "too large a number": (b'{"a": 1e999}', "number_range"),
    "too many digits": (b'{"a": ' + b"1" * 5000 + b"}", "number_range"),
    "too deep": (b'{"a":' * 40 + b"1" + b"}" * 40, "nesting"),
}


@pytest.mark.parametrize(("flawed", "code"), FLAWS.values(), ids=FLAWS.keys())
def test_an_event_that_cannot_be_read_holds_up_no_other(tenant: Tenant, owner: Owner, flawed: bytes, code: str) -> None:
    good = json.dumps(event()).encode()
    body = send(tenant.api(), b"[" + flawed + b"," + good + b"]").json()
    assert body["summary"] == {"received": 2, "successful": 1, "failed": 1}
    ((_, kept_code, reason, kept_body),) = kept(owner, tenant)
    assert (kept_code, kept_body) == (code, None)
    assert reason == body["failed_events"][0]["reason"]
    assert len(stored(owner, tenant)["task_executions"]) == 1


def test_too_many_events_are_refused_before_any_is_taken(tenant: Tenant, owner: Owner) -> None:
    many = json.dumps(event()).encode() + b",{}" * MOST_ITEMS
    refused(send(tenant.api(), b"[" + many + b"]"), 413, "payload_too_large")
    assert stored(owner, tenant)["flow_executions"] == []
    assert kept(owner, tenant) == []


def test_too_many_events_are_refused_before_their_flaws_are_looked_for(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each flaw is an error with its place: millions of them would not fit into memory."""
    monkeypatch.setattr(parsers, "_item_or_error", None)
    flawed = b"[" + b",".join([b'{"a":1,"a":1}'] * (MOST_ITEMS + 1)) + b"]"
    refused(send(tenant.api(), flawed), 413, "payload_too_large")


def test_what_is_rejected_is_counted_whole_and_held_in_part(tenant: Tenant) -> None:
    report = take(tenant.id, tenant.actor, "openlineage", [{}] * (MOST_KEPT + 500), openlineage.observations)
    assert (report.accepted, report.failed, len(report.rejected)) == (0, MOST_KEPT + 500, MOST_KEPT)
    assert all(rejected.__traceback__ is None for rejected in report.rejected.values())


def test_a_record_cannot_grow_without_end(tenant: Tenant, owner: Owner) -> None:
    """Else each event about it would cost the reading and the writing of all that came before."""
    api, text = tenant.api(), "x" * (LARGEST_RECORD // 3)
    for name in ("a", "b"):
        job = {"namespace": "n", "name": "n", "facets": {name: {"text": text}}}
        assert send(api, event(job=job)).status_code == 200
    last = event(job={"namespace": "n", "name": "n", "facets": {"c": {"text": text}}})
    other = event("01a20a50-0e06-7083-920c-179f6d897ae8")
    assert send(api, [last, other]).json()["summary"] == {"received": 2, "successful": 1, "failed": 1}
    ((_, code, reason, _),) = kept(owner, tenant)
    assert (code, reason) == ("too_large", "With it a record would be larger than 16 MiB")
    inputs = [row[4] or {} for row in stored(owner, tenant)["task_executions"]]
    assert [sorted(input.get("job", {})) for input in inputs] == [["a", "b"], []]


def test_what_waits_for_its_task_cannot_grow_without_end(tenant: Tenant, owner: Owner) -> None:
    job = {"namespace": "n", "facets": {"jobType": {"integration": "DBT", "jobType": "SQL"}, "x": "x" * 2**21}}
    parent = {"run": {"runId": "01a20a50-0e06-7083-920c-179f6d897ae9"}, "job": {"namespace": "n", "name": "n"}}
    run = {"runId": "01a20a50-0e06-7083-920c-179f6d897ae7", "facets": {"parent": parent}}
    queries = [{**event(job={**job, "name": f"query {number}"}), "run": run} for number in range(12)]
    summary = send(tenant.api(), queries).json()["summary"]
    assert summary == {"received": 12, "successful": 7, "failed": 5}
    assert {code for _, code, _, _ in kept(owner, tenant)} == {"too_large"}


def test_many_members_of_gzip_are_refused(tenant: Tenant) -> None:
    """Each may be empty, and costs a copy of all that follow: two megabytes of them took eight seconds."""
    packed = gzip.compress(b"") * 100_000 + gzip.compress(json.dumps(event()).encode())
    before = time.perf_counter()
    bad_request(send(tenant.api(), packed, **{"Content-Encoding": "gzip"}))
    assert time.perf_counter() - before < 2
    two = gzip.compress(b" ") + gzip.compress(json.dumps(event()).encode())
    assert send(tenant.api(), two, **{"Content-Encoding": "gzip"}).status_code == 200


def test_gzip_is_unpacked_up_to_the_limit(tenant: Tenant) -> None:
    api = tenant.api()
    packed = gzip.compress(json.dumps(event()).encode())
    assert send(api, packed, **{"Content-Encoding": "gzip"}).status_code == 200
    bad_request(send(api, packed[:-5], **{"Content-Encoding": "gzip"}))
    bad_request(send(api, b"not gzip", **{"Content-Encoding": "gzip"}))
    refused(send(api, packed, **{"Content-Encoding": "br"}), 415, "unsupported_media_type")
    bomb = gzip.compress(b" " * (100 * 2**20))
    refused(send(api, bomb, **{"Content-Encoding": "gzip"}), 413, "payload_too_large")


def test_only_who_may_ingest_may_send(tenant: Tenant) -> None:
    unknown_credential(send(Api(), event()))
    forbidden(send(tenant.api("reviewer"), event()))
    forbidden(send(tenant.api("viewer"), event()))


def test_the_same_run_in_two_organizations_is_two(tenant: Tenant, neighbour: Tenant, owner: Owner) -> None:
    send(neighbour.api(), event(job={"namespace": "n", "name": "secret"}))
    send(tenant.api(), event(eventType="START"))
    assert "secret" not in str(stored(owner, tenant))
    assert [row[3] for row in stored(owner, neighbour)["task_executions"]] == ["completed"]
    assert [row[3] for row in stored(owner, tenant)["task_executions"]] == ["running"]


def test_runs_that_call_each_other_their_parent_are_stored_once_each(tenant: Tenant, owner: Owner) -> None:
    """Nobody goes up from parent to parent: each run is a task of the one that it names."""
    runs = ["01a20a50-0e06-7083-920c-179f6d897ae7", "01a20a50-0e06-7083-920c-179f6d897ae8"]
    parents = [{"parent": {"run": {"runId": other}, "job": event()["job"]}} for other in reversed(runs)]
    circle = [{**event(), "run": {"runId": own, "facets": parent}} for own, parent in zip(runs, parents, strict=True)]
    for order in (circle, circle[::-1]):
        assert send(tenant.api(), order).status_code == 200
        result = stored(owner, tenant)
        assert [row[0] for row in result["flow_executions"]] == runs
        assert [row[0] for row in result["task_executions"]] == runs

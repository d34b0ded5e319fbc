"""POST /v1/traces: the recordings over HTTP, and what OTLP says of answers."""

import gzip
import json
import random
from collections import Counter
from functools import cache, partial
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tags.actions.service_accounts import create_api_key, create_service_account
from tagsite.recordings import TRACES, Recorded, recorded
from tests.api.calls import position
from tests.cast import Api, Tenant
from tests.ingest.stored import stored
from tests.ingest.test_replays import SEEDS, SENDERS
from tests.ingest.test_writing import at_once
from tests.ingest.traces import JSON, PATH, PROTOBUF, Owner, send


def replay(tenant: Tenant, requests: list[Recorded]) -> None:
    api = tenant.api()
    for request in requests:
        encoding = {name: request.headers[name] for name in ("content-encoding",) if name in request.headers}
        response = send(api, request.body, request.headers["content-type"], **encoding)
        assert response.status_code == 200, response.content
        assert response.content in (b"", b"{}")
        assert response["Content-Type"] == request.headers["content-type"].partition(";")[0]


def one_span(**changes: Any) -> dict[str, Any]:
    span = {
        "traceId": "5ab50643fd159a9eebb5b098338acc4a",
        "spanId": "a883a2893631b927",
        "name": "check",
        "startTimeUnixNano": "1795469862527000000",
        "endTimeUnixNano": "1795469862557925707",
        **changes,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


@pytest.mark.parametrize(("name", "traces", "spans"), [("agent", 28, 140), ("web", 9, 27), ("airflow", 16, 202)])
def test_the_recordings_have_the_counts_of_their_field_guide(
    tenant: Tenant, owner: Owner, name: str, traces: int, spans: int
) -> None:
    replay(tenant, recorded(f"otlp-{name}"))
    result = stored(owner, tenant)
    assert (len(result["flow_executions"]), len(result["task_executions"])) == (traces, spans)


def test_the_recordings_have_the_statuses_that_were_sent(tenant: Tenant, owner: Owner) -> None:
    replay(tenant, recorded("otlp-web"))
    result = stored(owner, tenant)
    assert Counter(row[2] for row in result["flow_executions"]) == {"completed": 7, "failed": 2}


@cache
def as_sent(name: str) -> Tenant:
    """Who got the recorded requests once and in order."""
    tenant = Tenant.create()
    replay(tenant, recorded(name))
    return tenant


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_in_any_order_the_result_is_the_same(tenant: Tenant, owner: Owner, name: str, seed: int) -> None:
    requests = recorded(name)
    chance = random.Random(seed)  # noqa: S311  # repeatable
    replay(tenant, chance.sample(requests, len(requests)))
    assert stored(owner, tenant) == stored(owner, as_sent(name))


@pytest.mark.parametrize("name", TRACES)
def test_sent_by_eight_at_once_and_then_again_the_result_is_the_same(tenant: Tenant, owner: Owner, name: str) -> None:
    """At first each request once: what is lost does not come again."""
    requests = recorded(name)
    parts = [requests[number::SENDERS] for number in range(SENDERS)]
    assert at_once(*(partial(replay, tenant, part) for part in parts)) == []
    assert stored(owner, tenant) == stored(owner, as_sent(name))
    before = position(tenant)
    replay(tenant, requests)
    assert stored(owner, tenant) == stored(owner, as_sent(name))
    assert position(tenant) == before


def test_a_bad_span_is_told_of_and_kept_and_holds_up_no_other(tenant: Tenant, owner: Owner) -> None:
    request = one_span()
    spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans += [{**spans[0], "traceId": "00"}, {**spans[0], "spanId": "b" * 16}]

    response = send(tenant.api(), json.dumps(request).encode(), JSON)

    assert response.status_code == 200
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert partial["errorMessage"]
    assert len(stored(owner, tenant)["task_executions"]) == 2
    kept = owner.execute("SELECT source, reason, body FROM rejected_event WHERE organization_id = %s", [tenant.id])
    ((source, reason, body),) = kept.fetchall()
    assert (source, reason, body["span"]["traceId"]) == ("otlp", partial["errorMessage"], "00")


def test_partial_success_in_protobuf(tenant: Tenant) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"short", span_id=b"12345678", name="x")
    response = send(tenant.api(), request.SerializeToString())
    answer = ExportTraceServiceResponse.FromString(response.content)
    assert (response.status_code, answer.partial_success.rejected_spans) == (200, 1)
    assert answer.partial_success.error_message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"\xff\xff\xff", PROTOBUF), (b"{", JSON), (b"[]", JSON), (b'{"resourceSpans": 3}', JSON), (b"\xff", JSON)],
)
def test_what_cannot_be_read_is_400_in_the_requests_encoding(tenant: Tenant, body: bytes, content_type: str) -> None:
    response = send(tenant.api(), body, content_type)
    assert (response.status_code, response["Content-Type"]) == (400, content_type)
    assert response.json()["message"] if content_type == JSON else response.content
    assert response["X-Request-ID"]


def test_only_who_may_ingest_may_send(tenant: Tenant) -> None:
    account = create_service_account(tenant.id, "reader", ["read", "tag"], "integration")
    _, token = create_api_key(tenant.id, account.id, "first")
    assert send(Api({"X-API-Key": token}), b"").status_code == 403
    assert send(tenant.api("reviewer"), b"").status_code == 403
    unknown = send(Api(), b"{}", JSON)
    assert (unknown.status_code, unknown["Content-Type"]) == (401, JSON)
    bearer = Api({"Authorization": f"Bearer {tenant.token}"})
    assert send(bearer, json.dumps(one_span()).encode(), JSON).status_code == 200


def test_other_media_types_methods_and_encodings_are_refused(tenant: Tenant) -> None:
    api = tenant.api()
    assert send(api, b"x", "text/plain").status_code == 415
    assert send(api, b"x", **{"Content-Encoding": "br"}).status_code == 415
    assert send(api, b"x", **{"Content-Encoding": "gzip"}).status_code == 400
    assert send(api, gzip.compress(b"x" * 1000)[:-6], **{"Content-Encoding": "gzip"}).status_code == 400
    assert api.get(PATH).status_code == 405


def test_organizations_do_not_meet_in_a_trace(tenant: Tenant, neighbour: Tenant, owner: Owner) -> None:
    body = json.dumps(one_span(attributes=[{"key": "secret", "value": {"stringValue": "neighbours"}}])).encode()
    send(neighbour.api(), body, JSON)
    send(tenant.api(), json.dumps(one_span(spanId="c" * 16)).encode(), JSON)
    assert "neighbours" not in str(stored(owner, tenant))
    assert len(stored(owner, tenant)["task_executions"]) == 1

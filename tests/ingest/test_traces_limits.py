"""POST /v1/traces: very much at once, more than is taken, and bytes that are no request."""

import gzip
import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tags.ingest import otlp_json, otlp_wire
from tags.ingest.intake import MOST_ITEMS
from tests.cast import Tenant
from tests.ingest.stored import stored
from tests.ingest.traces import JSON, Owner, send


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tenant: Tenant) -> None:
    bomb = gzip.compress(bytes(200 * 2**20))
    assert len(bomb) < 2**20
    response = send(tenant.api(), bomb, **{"Content-Encoding": "gzip"})
    assert response.status_code == 413


def test_a_hundred_thousand_spans_in_one_request(tenant: Tenant, owner: Owner) -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(100_000):
        spans.add(
            trace_id=(number // 1000 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="step",
            start_time_unix_nano=1795469862527000000,
            end_time_unix_nano=1795469862557925707,
        )
    response = send(tenant.api(), request.SerializeToString())
    assert (response.status_code, response.content) == (200, b"")
    count = owner.execute("SELECT count(*) FROM task_execution WHERE organization_id = %s", [tenant.id]).fetchone()
    assert count == (100_000,)


def message(field: int, content: bytes) -> bytes:
    """A field of protobuf that holds it."""
    length, digits = len(content), []
    while length >= 0x80:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([field << 3 | 2, *digits, length]) + content


@pytest.mark.parametrize("level", ["span", "scope", "resource"])
def test_millions_of_empty_messages_are_refused_before_they_are_parsed(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    """Thirty million in 60 MB took ten gigabytes."""
    many = {"span": message(2, b""), "scope": message(2, b""), "resource": message(1, b"")}[level] * 3_000_000
    body = {"span": message(1, message(2, many)), "scope": message(1, many), "resource": many}[level]
    monkeypatch.setattr(otlp_wire, "ExportTraceServiceRequest", None)
    assert send(tenant.api(), body).status_code == 413


@pytest.mark.parametrize(
    "body",
    [b"\x0a", b"\x0a\x05", b"\x0b", b"\x0c", b"\x0a\x02\x0b\x0c", b"\xff" * 20, b"\x0a" + b"\xff" * 20, b"\x0f\x00"],
)
def test_odd_bytes_are_400(tenant: Tenant, body: bytes) -> None:
    assert send(tenant.api(), body).status_code == 400


def test_fields_that_are_not_known_are_passed_over(tenant: Tenant, owner: Owner) -> None:
    """Of each kind: a number, eight bytes, a text, four bytes."""
    unknown = b"\xa0\x06\xff\x01" + b"\xa1\x06" + b"\xff" * 8 + b"\xa2\x06\x05later" + b"\xa5\x06" + b"\xff" * 4
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="check", start_time_unix_nano=1795469862527000000)
    spans = message(2, span.SerializeToString() + unknown)
    body = unknown + message(1, unknown + message(2, unknown + spans) + unknown)
    assert send(tenant.api(), body).status_code == 200
    assert len(stored(owner, tenant)["task_executions"]) == 1


def test_too_many_spans_in_json_are_refused(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_json, "Received", None)
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * (MOST_ITEMS + 1)}]}]})
    assert send(tenant.api(), body.encode(), JSON).status_code == 413

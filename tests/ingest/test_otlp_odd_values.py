"""Odd spans and odd values of OTLP: what is read of them can be stored."""

import json
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tags.ingest.errors import Rejected
from tags.ingest.otlp import observations
from tags.ingest.otlp_values import CUT, MAX_TEXT
from tags.ingest.otlp_wire import JSON, PROTOBUF, decode
from tests.ingest.otlp_cases import (
    PARENT,
    SPAN,
    TRACE,
    any_value,
    attributes,
    request,
    sent,
    span,
    tell,
    to_json,
    to_protobuf,
    told_by,
    values,
)
from tests.ingest.otlp_hostile import assert_storable, is_rejected, outcomes

# Spans


BAD_IDS = ["", "0" * 32, "0" * 16, "abc", TRACE[:-2], TRACE + "00", "zz" * 16, " " + TRACE[1:], "a8 3a2893631b927"]


@pytest.mark.parametrize("id", BAD_IDS)
@pytest.mark.parametrize("name", ["traceId", "spanId"])
def test_bad_ids(id: str, name: str) -> None:
    (each,) = sent(span(**{name: id}))
    with pytest.raises(Rejected) as caught:
        observations(each)
    assert caught.value.code in ("invalid_id", "unreadable")


@pytest.mark.parametrize("id", ["ab", TRACE])
def test_a_bad_parent(id: str) -> None:
    (each,) = decode(to_protobuf(request(span(parentSpanId=id))), PROTOBUF)
    with pytest.raises(Rejected) as caught:
        observations(each)
    assert caught.value.code == "invalid_id"


@pytest.mark.parametrize("name", ["startTimeUnixNano", "endTimeUnixNano"])
@pytest.mark.parametrize("moment", [1, 10**9, 946_684_799 * 10**9, 2**63, 2**64 - 1])
def test_absurd_times(name: str, moment: int) -> None:
    (each,) = decode(to_protobuf(request(span(**{name: str(moment)}))), PROTOBUF)
    with pytest.raises(Rejected) as caught:
        observations(each)
    assert caught.value.code == "invalid_time"


@pytest.mark.parametrize("moment", [2**64, 10**30, -1, "1e3", "1_000", 0.5])
def test_times_that_are_none(moment: Any) -> None:
    (each,) = sent(span(startTimeUnixNano=moment))
    with pytest.raises(Rejected) as caught:
        observations(each)
    assert caught.value.code == "unreadable"


def test_a_span_without_a_name() -> None:
    flow_execution, task = tell(name="", parentSpanId="")
    assert (flow_execution.flow_name.value, task.task_name) == ("(no name)", f"(no name) [{SPAN}]")


# Values


@pytest.mark.parametrize(
    ("sent_value", "expected"),
    [
        ("9223372036854775807", 2**63 - 1),
        (-9223372036854775808, -(2**63)),
        (12.0, 12),
    ],
)
def test_integers_are_exact(sent_value: Any, expected: int) -> None:
    (each,) = sent(span(attributes=[{"key": "n", "value": {"intValue": sent_value}}]))
    assert values(told_by(each)[1].input)["attributes"] == {"n": expected}


@pytest.mark.parametrize("sent_value", ["9223372036854775808", 2**64, "12.5", "", True, [1], "9" * 4000])
def test_integers_that_are_none(sent_value: Any) -> None:
    (each,) = sent(span(attributes=[{"key": "n", "value": {"intValue": sent_value}}]))
    assert is_rejected(each)


@pytest.mark.parametrize(
    ("double", "expected"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (0.1, Decimal("0.1")),
        (-0.0, 0),
        (1e308, 10**308),
        (5e-324, Decimal("5e-324")),
    ],
)
def test_doubles(double: float, expected: Any) -> None:
    """JSON has no NaN, so in OTLP/JSON it comes as a text; that is also how it is kept."""
    message = ExportTraceServiceRequest.FromString(to_protobuf(request(span(attributes=attributes(d=1.5)))))
    message.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.double_value = double
    body = message.SerializeToString()
    for each in decode(body, PROTOBUF) + decode(json.dumps(to_json(body)).encode(), JSON):
        assert values(told_by(each)[1].input)["attributes"] == {"d": expected}
    assert_storable(expected)


@pytest.mark.parametrize("text", ["NaN ", "0x10", "1_0", "nan", "infinity", "1" * 400, True, {}])
def test_doubles_that_are_none(text: Any) -> None:
    (each,) = sent(span(attributes=[{"key": "d", "value": {"doubleValue": text}}]))
    if text == "1" * 400:
        assert values(told_by(each)[1].input)["attributes"] == {"d": "Infinity"}
    else:
        assert is_rejected(each)


@pytest.mark.parametrize("encoded", ["++//", "--__", "AAE", "AAE="])
def test_bytes_in_each_alphabet(encoded: str) -> None:
    (each,) = sent(span(attributes=[{"key": "b", "value": {"bytesValue": encoded}}]))
    kept = values(told_by(each)[1].input)["attributes"]["b"]
    assert kept == ("++//" if len(encoded) == 4 and "A" not in encoded else "AAE=")


@pytest.mark.parametrize(
    "number", ["1e999999999", "-1E-999999999", "9" * 5000, "0." + "1" * 5000, "NaN", "Infinity", "-Infinity"]
)
def test_a_number_that_nobody_could_keep_stays_a_text(number: str) -> None:
    begin = time.monotonic()
    _, task = tell(attributes=attributes(input__value=f'{{"n": {number}, "m": 1}}'))
    assert time.monotonic() - begin < 1
    assert values(task.input)["value"] == {"n": number, "m": 1}


@pytest.mark.parametrize("value", ["a\x00b", '["a\\u0000b"]', {"k": "a\x00b"}, ["a\x00b"]])
def test_nul_becomes_a_replacement_character(value: Any) -> None:
    _, task = tell(attributes=attributes(input__value=value))
    assert "a\ufffdb" in str(values(task.input)["value"])


@pytest.mark.parametrize("value", ["a\ud800b", '["a\\ud800b"]', {"a\udfffb": 1}])
def test_lone_surrogates_too(value: Any) -> None:
    (each,) = sent(span(attributes=attributes(input__value=value), name="\ud800"))
    _, task = told_by(each)
    assert "a\ufffdb" in str(values(task.input)["value"])
    assert task.task_name == f"\ufffd [{SPAN}]"


def test_nul_in_every_text() -> None:
    nul = "x\x00"
    fields: dict[str, Any] = {
        "name": nul,
        "traceState": nul,
        "attributes": attributes(**{"a\x00": nul, "gen_ai.agent.name": nul, "session.id": nul}),
        "events": [{"name": nul, "attributes": attributes(**{nul: nul})}],
        "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": attributes(**{nul: nul})}],
        "status": {"code": 2, "message": nul},
    }
    body = request(span(**fields), service=nul)
    for body_bytes, kind in [(json.dumps(body).encode(), JSON), (to_protobuf(body), PROTOBUF)]:
        (found,) = outcomes(body_bytes, kind)
        assert not isinstance(found, Rejected)


def nested(depth: int, of: Any) -> Any:
    value: Any = "leaf"
    for _ in range(depth):
        value = of(value)
    return value


@pytest.mark.parametrize("of", [lambda value: {"k": value}, lambda value: [value]], ids=["kvlist", "array"])
def test_deep_values_are_cut(of: Any) -> None:
    _, task = tell(attributes=attributes(whole=nested(16, of), cut=nested(17, of)))
    kept = values(task.input)["attributes"]
    assert kept["whole"] == nested(16, of)
    assert kept["cut"] == json.loads(json.dumps(nested(17, of)).replace(json.dumps(of("leaf")), json.dumps(CUT)))


def test_values_of_a_hundred_levels() -> None:
    """Protobuf's own limit rejects such a request; JSON's is farther, and the value is cut."""
    deep = request(span(attributes=[{"key": "k", "value": any_value(nested(100, lambda value: [value]))}]))
    (found,) = outcomes(json.dumps(deep).encode(), JSON)
    assert not isinstance(found, Rejected)
    message = b""
    for _ in range(200):  # AnyValue.array_value.values, in bytes
        array = b"\x0a" + varint(len(message)) + message
        message = b"\x2a" + varint(len(array)) + array
    for field in (0x12, 0x4A, 0x12, 0x12, 0x0A):  # KeyValue.value, Span.attributes, ScopeSpans, ResourceSpans, request
        message = bytes([field]) + varint(len(message)) + message
    with pytest.raises(Rejected):
        decode(message, PROTOBUF)


def varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def test_json_that_nests_too_deep_stays_the_text_it_was() -> None:
    fits, deep = json.dumps(nested(16, lambda value: [value])), json.dumps(nested(17, lambda value: [value]))
    assert values(tell(attributes=attributes(input__value=fits))[1].input)["value"] == json.loads(fits)
    assert values(tell(attributes=attributes(input__value=deep))[1].input)["value"] == deep
    hopeless = "[" * 100_000 + "]" * 100_000
    assert values(tell(attributes=attributes(input__value=hopeless))[1].input)["value"] == hopeless


def test_long_texts_are_cut() -> None:
    _, task = tell(attributes=attributes(whole="x" * MAX_TEXT, cut="x" * (MAX_TEXT + 1)))
    kept = values(task.input)["attributes"]
    assert kept["whole"] == "x" * MAX_TEXT
    assert kept["cut"] == "x" * (MAX_TEXT - 1) + CUT


def test_many_attributes_events_and_links_are_counted() -> None:
    many = attributes(**{f"a{n}": n for n in range(1200)})
    events = [{"name": f"e{n}"} for n in range(200)]
    links = [{"traceId": TRACE, "spanId": PARENT} for _ in range(130)]
    _, task = tell(attributes=many, events=events, links=links, droppedEventsCount=5)
    input = values(task.input)
    assert len(input["attributes"]) == 1000
    assert len(input["span"]["links"]) == 128
    assert input["span"]["dropped"] == {"attributes": 200, "events": 77, "links": 2}
    assert [event["name"] for event in values(task.output)["events"]] == [f"e{n}" for n in range(72, 200)]


@pytest.mark.parametrize("value", [None, 1, True, [1], {"a": 1}, "", 0.5])
@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.agent.name",
        "gen_ai.tool.name",
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.usage.input_tokens",
        "session.id",
        "airflow.dag_id",
        "airflow.task_id",
        "airflow.task_instance.state",
        "airflow.task_instance.map_index",
        "http.status_code",
        "error.type",
        "exception.message",
    ],
)
def test_known_attributes_of_unknown_types(name: str, value: Any) -> None:
    known = {"airflow.dag_id": "d", "airflow.task_id": "t", "gen_ai.operation.name": "invoke_agent", name: value}
    for span_name in ("task_run.t", "dag_run.t", "step"):
        events = [{"name": "exception", "attributes": attributes(**known)}]
        for fields in ({"parentSpanId": ""}, {"status": {"code": 2}, "events": events}):
            body = request(span(name=span_name, attributes=attributes(**known), **fields))
            (found,) = outcomes(json.dumps(body).encode(), JSON)
            assert not isinstance(found, Rejected)


def json_of(ids: Iterable[str]) -> bytes:
    return json.dumps(request(*(span(spanId=id) for id in ids))).encode()


def test_a_hundred_thousand_spans() -> None:
    """They are read one by one: nothing is made of a span before it is asked for. Of protobuf: test_traces_limits."""
    body = json_of(f"{number + 1:016x}" for number in range(100_000))
    spans = decode(body, JSON)
    assert sum(len(observations(each)) for each in spans) == 200_000

"""Requests of OTLP that nobody sends in good faith: they are read or Rejected."""

import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tags.ingest.errors import Rejected
from tags.ingest.otlp_wire import JSON, PROTOBUF, decode, encode_error, encode_response
from tests.ingest.otlp_cases import (
    PARENT,
    attributes,
    request,
    sent,
    span,
)
from tests.ingest.otlp_hostile import (
    EVERYTHING,
    JSON_REQUESTS,
    MOST,
    PROTOBUF_BODIES,
    WRONG,
    is_rejected,
    outcomes,
    places,
    replaced,
)

# Bodies


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"hello", b"\x0a\xff\x01", b"\x00", b"{", b"[]", b"nul"])
def test_garbage(body: bytes, content_type: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(body, content_type)
    assert caught.value.code == "unreadable"


def test_a_body_that_is_cut_off() -> None:
    body = PROTOBUF_BODIES[0]
    for length in range(1, len(body), 97):
        with pytest.raises(Rejected):
            decode(body[:length], PROTOBUF)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"resourceSpans": null}', b'{"resource_spans": [], "future": {"a": 1}}']
)
def test_an_empty_request(body: bytes) -> None:
    assert decode(body, JSON if body else PROTOBUF) == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "application/jsonx"])
def test_another_media_type(content_type: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(b"{}", content_type)
    assert caught.value.code == "unsupported_media_type"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_media_types_have_parameters_and_capitals(content_type: str) -> None:
    assert len(decode(json.dumps(request(span())).encode(), content_type)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf{}",
        '{"resourceSpans": []}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": NaN}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000,
    ],
    ids=["byte order mark", "UTF-16", "no UTF-8", "NaN", "huge integer", "deep"],
)
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(Rejected):
        decode(body, JSON)


# Wrong types


@pytest.mark.parametrize("place", list(places(EVERYTHING)), ids=lambda place: ".".join(map(str, place)))
def test_a_wrong_type_at_every_place(place: tuple[Any, ...]) -> None:
    """Inside a span it costs that span at most."""
    for wrong in WRONG:
        body = json.dumps(replaced(EVERYTHING, place, wrong)).encode()
        try:
            found = outcomes(body, JSON)
        except Rejected:
            assert "spans" not in place[:-1]
            continue
        if "spans" in place[:-1]:
            at = place[place.index("spans") + 1]
            assert not isinstance(found[1 - at], Rejected)


def test_a_bad_span_holds_up_no_other() -> None:
    spans = [span(), "no span", span(spanId="xyz"), span(startTimeUnixNano="soon"), span(spanId=PARENT)]
    assert [is_rejected(each) for each in sent(*spans)] == [False, True, True, True, False]


# Whatever else


@MOST
@given(st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON]))
def test_random_bytes(body: bytes, content_type: str) -> None:
    with suppress(Rejected):
        outcomes(body, content_type)


@MOST
@given(st.data())
def test_recorded_protobuf_with_bytes_changed(data: st.DataObject) -> None:
    body = bytearray(PROTOBUF_BODIES[data.draw(st.integers(0, len(PROTOBUF_BODIES) - 1))])
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Rejected):
        outcomes(bytes(body), PROTOBUF)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(WRONG),
    lambda members: st.lists(members, max_size=3) | st.dictionaries(st.text(max_size=5), members, max_size=3),
    max_leaves=5,
)


@MOST
@given(st.data())
def test_recorded_json_with_values_changed(data: st.DataObject) -> None:
    message = [EVERYTHING, *JSON_REQUESTS][data.draw(st.integers(0, len(JSON_REQUESTS)))]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(list(places(message))))
        message = replaced(message, place, data.draw(ANY_JSON))
    with suppress(Rejected):
        outcomes(json.dumps(message).encode(), JSON)


@MOST
@given(ANY_JSON)
@example({"a": [1, {"b": "\x00"}]})
def test_any_json_inside_a_text(value: Any) -> None:
    body = json.dumps(request(span(attributes=attributes(input__value=json.dumps(value))))).encode()
    (found,) = outcomes(body, JSON)
    assert not isinstance(found, Rejected)


# Answers


def test_all_went_well() -> None:
    assert encode_response(0, "", PROTOBUF) == b""
    assert encode_response(0, "", JSON) == b"{}"


def test_partial_success() -> None:
    message = ExportTraceServiceResponse.FromString(encode_response(3, "bad ids", PROTOBUF))
    assert (message.partial_success.rejected_spans, message.partial_success.error_message) == (3, "bad ids")
    as_json = json.loads(encode_response(3, "bad ids", JSON))
    assert as_json == {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "bad ids"}}
    assert json_format.ParseDict(as_json, ExportTraceServiceResponse()) == message


def test_errors_are_a_status_of_google_rpc() -> None:
    """Field 2, a text; lengths over 127 take two bytes."""
    assert encode_error("bad", PROTOBUF) == b"\x12\x03bad"
    assert encode_error("x" * 200, PROTOBUF) == b"\x12\xc8\x01" + b"x" * 200
    assert encode_error("\ud800", PROTOBUF) == b"\x12\x03\xef\xbf\xbd"
    assert json.loads(encode_error("bad", JSON)) == {"message": "bad"}

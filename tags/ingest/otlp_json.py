"""OTLP in JSON: protobuf's own mapping, except that ids are hexadecimal.

Names in camelCase or as in the .proto file; 64-bit integers as numbers or texts; enums by number or name; unknown
fields are ignored. What is wrong outside the spans rejects the request; what is wrong in a span rejects that span.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from tags.ingest import otlp_spans
from tags.ingest.errors import Rejected
from tags.ingest.intake import check_count
from tags.ingest.otlp_spans import MAX_ATTRIBUTES, MAX_EVENTS, MAX_LINKS, Attributes, Event, Received, Span, excess
from tags.ingest.otlp_values import CUT, MAX_DEPTH, from_bytes, number, text

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_DOUBLE = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|-?Infinity|NaN")
_CAPITAL = re.compile("[A-Z]")

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUS_CODES = ("UNSET", "OK", "ERROR")
_ENUMS = {
    **{f"SPAN_KIND_{name}": value for value, name in enumerate(_KINDS)},
    **{f"STATUS_CODE_{name}": value for value, name in enumerate(_STATUS_CODES)},
}

_Message = Mapping[str, Any]


def spans(body: bytes) -> list[Received]:
    """The spans of a request. Raises Rejected if it cannot be read, and PayloadTooLarge for too many."""
    received: list[Received] = []
    for of_resource in _list(_parse(body), "resourceSpans"):
        resource, _ = _attributes(_object(of_resource, "resource"))
        for of_scope in _list(of_resource, "scopeSpans"):
            scope = _scope(_object(of_scope, "scope"))
            found = _list(of_scope, "spans")
            check_count(len(received) + len(found))
            received += [Received(span, resource, scope, read_span) for span in found]
    return received


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise Rejected("unreadable", "The body is not JSON") from error


def _no_json(name: str) -> Any:
    raise ValueError(name)


def read_span(span: Any, resource: Attributes, scope: Attributes) -> Span:
    attributes, missing = _attributes(span)
    events, links, status = _list(span, "events"), _list(span, "links"), _object(span, "status")
    return Span(
        trace_id=_id(span, "traceId"),
        span_id=_id(span, "spanId"),
        parent_span_id=_id(span, "parentSpanId"),
        trace_state=_text(span, "traceState"),
        flags=_integer(span, "flags"),
        name=_text(span, "name"),
        kind=_integer(span, "kind"),
        start=_integer(span, "startTimeUnixNano"),
        end=_integer(span, "endTimeUnixNano"),
        attributes=attributes,
        events=[_event(event) for event in events[-MAX_EVENTS:]],
        links=[_link(link) for link in links[:MAX_LINKS]],
        dropped=otlp_spans.dropped(
            missing + _integer(span, "droppedAttributesCount"),
            excess(events, MAX_EVENTS) + _integer(span, "droppedEventsCount"),
            excess(links, MAX_LINKS) + _integer(span, "droppedLinksCount"),
        ),
        status_code=_integer(status, "code"),
        status_message=_text(status, "message"),
        resource=resource,
        scope=scope,
    )


def _scope(scope: _Message) -> Attributes:
    return otlp_spans.scope(_text(scope, "name"), _text(scope, "version"), _attributes(scope)[0])


def _event(event: Any) -> Event:
    return Event(_text(event, "name"), _integer(event, "timeUnixNano"), _attributes(event)[0])


def _link(link: Any) -> Attributes:
    return otlp_spans.link(_id(link, "traceId"), _id(link, "spanId"), _attributes(link)[0])


# Values


def _attributes(message: Any) -> tuple[Attributes, int]:
    """The attributes, and how many more there were."""
    pairs = _list(message, "attributes")
    return _pairs(pairs[:MAX_ATTRIBUTES], 1), excess(pairs, MAX_ATTRIBUTES)


def _pairs(pairs: list[Any], depth: int) -> Attributes:
    return {_text(pair, "key"): _value(_object(pair, "value"), depth) for pair in pairs}


def _value(value: Any, depth: int) -> Any:
    """An AnyValue: the one member that it has."""
    if _field(value, "stringValue") is not None:
        return _text(value, "stringValue")
    if (flag := _field(value, "boolValue")) is not None:
        return flag if isinstance(flag, bool) else _refuse("boolValue")
    if _field(value, "intValue") is not None:
        return _integer(value, "intValue", low=-(2**63), high=2**63 - 1)
    if (double := _field(value, "doubleValue")) is not None:
        return _double(double)
    if _field(value, "bytesValue") is not None:
        return _bytes(_string(value, "bytesValue"))
    if _field(value, "arrayValue") is not None:
        members = _list(_object(value, "arrayValue"), "values")
        return CUT if depth > MAX_DEPTH else [_value(member, depth + 1) for member in members]
    if _field(value, "kvlistValue") is not None:
        pairs = _list(_object(value, "kvlistValue"), "values")
        return CUT if depth > MAX_DEPTH else _pairs(pairs, depth + 1)
    return None


def _double(value: Any) -> Any:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _DOUBLE.fullmatch(value)):
        _refuse("doubleValue")
    try:
        return number(float(value))
    except OverflowError:
        return _refuse("doubleValue")


def _bytes(value: str) -> str:
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return from_bytes(base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True))
    except (binascii.Error, ValueError):
        return str(_refuse("bytesValue"))


# Fields


@cache
def _snake_case(name: str) -> str:
    return _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name)


def _field(message: Any, name: str) -> Any:
    """None if it is absent or null, which is the same in protobuf's JSON."""
    if not isinstance(message, dict):
        _refuse(name, "stands in something that is no object")
    value = message.get(name)
    return message.get(_snake_case(name)) if value is None else value


def _list(message: Any, name: str) -> list[Any]:
    value = _field(message, name)
    if value is None:
        return []
    return value if isinstance(value, list) else _refuse(name)


def _object(message: Any, name: str) -> _Message:
    value = _field(message, name)
    if value is None:
        return {}
    return value if isinstance(value, dict) else _refuse(name)


def _string(message: Any, name: str) -> str:
    value = _field(message, name)
    if value is None:
        return ""
    return value if isinstance(value, str) else _refuse(name)


def _text(message: Any, name: str) -> str:
    return text(_string(message, name))


def _id(message: Any, name: str) -> bytes:
    value = _string(message, name)
    return bytes.fromhex(value) if _HEX.fullmatch(value) else _refuse(name, "is not hexadecimal")


def _integer(message: Any, name: str, low: int = 0, high: int = 2**64 - 1) -> int:
    value = _field(message, name)
    if value is None:
        return 0
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else _ENUMS.get(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        _refuse(name, "is no integer in range")
    return int(value)


def _refuse(name: str, why: str = "has the wrong type") -> Any:
    raise Rejected("unreadable", f"{name} {why}")

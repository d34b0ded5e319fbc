"""Whatever is sent as OTLP is read or Rejected, one bad span holds up no other, and what is read can be stored."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings

from tags.actions.observations import Claim, Observation
from tags.db import exact_json
from tags.ingest.errors import Rejected
from tags.ingest.otlp import observations
from tags.ingest.otlp_spans import Received
from tags.ingest.otlp_wire import JSON, PROTOBUF, decode, to_keep
from tests.ingest.otlp_cases import (
    PARENT,
    START,
    TRACE,
    attributes,
    request,
    requests,
    span,
)

PROTOBUF_BODIES = [body for name in ("agent", "web") for body, kind in requests(name) if kind == PROTOBUF]
JSON_REQUESTS = [json.loads(body) for body, kind in requests("agent") if kind == JSON]
MOST = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def outcomes(body: bytes, content_type: str) -> list[list[Observation] | Rejected]:
    """Of each span what it says or why it was rejected; all of it must be fit for PostgreSQL."""
    found: list[list[Observation] | Rejected] = []
    for each in decode(body, content_type):
        try:
            said = observations(each)
        except Rejected as rejected:
            found.append(rejected)
            assert_storable(to_keep(each))
        else:
            found.append(said)
            assert_storable([claim.value for one in said for claim in claims_of(one)])
    return found


def claims_of(observed: Any) -> Iterator[Claim]:
    named = [getattr(observed, name, None) for name in ("flow_name", "status", "error")]
    yield from (claim for claim in named if claim is not None)
    yield from observed.input.values()
    yield from getattr(observed, "output", {}).values()


def assert_storable(value: Any) -> None:
    text = exact_json.dumps(value)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()
    json.loads(text)


def is_rejected(each: Received) -> bool:
    try:
        observations(each)
    except Rejected:
        return True
    return False


WRONG: list[Any] = [None, True, 7, -1, 1.5, "text", "", [], [None], {}, {"a": 1}, [[]], "\x00\ud800"]


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    for key, member in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(member, (*place, key))


def replaced(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = deepcopy(node)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


EVERYTHING = request(
    span(
        flags=257,
        traceState="a=1",
        attributes=attributes(s="text", b=True, i=1, d=0.5, y=b"bytes", a=[1, "x"], o={"k": 1}),
        events=[{"name": "exception", "timeUnixNano": str(START), "attributes": attributes(exception__message="m")}],
        links=[{"traceId": TRACE, "spanId": PARENT, "attributes": attributes(a=1)}],
        status={"code": 2, "message": "failed"},
        droppedAttributesCount=1,
    ),
    span(spanId=PARENT),
)

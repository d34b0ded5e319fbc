"""Spans of OTLP, the same whether they were sent in protobuf or in JSON; their ids and times are not checked yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tags.ingest.otlp_values import text

MAX_ATTRIBUTES = 1000  # of one span, event, link, scope or resource; more are counted
MAX_EVENTS = 128  # the last ones: an exception comes last
MAX_LINKS = 128

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    time: int  # nanoseconds since 1970
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    trace_state: str
    flags: int
    name: str
    kind: int
    start: int  # nanoseconds since 1970
    end: int  # the same; 0 while it runs
    attributes: Attributes
    events: Sequence[Event]
    links: Sequence[Attributes]
    dropped: Mapping[str, int]  # how many attributes, events, links are missing: cut off here, or by the sender
    status_code: int
    status_message: str
    resource: Attributes
    scope: Attributes


@dataclass(frozen=True, slots=True)
class Received:
    """A span as it was sent, not read yet: a large request takes little more memory than its decoded body."""

    raw: Any
    resource: Attributes
    scope: Attributes
    reader: Callable[[Any, Attributes, Attributes], Span]

    def read(self) -> Span:
        """Raises Rejected for a span that cannot be read; it holds up no other."""
        return self.reader(self.raw, self.resource, self.scope)


def scope(name: str, version: str, attributes: Attributes) -> Attributes:
    members = {"name": text(name), "version": text(version), "attributes": attributes}
    return {key: value for key, value in members.items() if value}


def link(trace_id: bytes, span_id: bytes, attributes: Attributes) -> Attributes:
    ids = {"trace_id": text(trace_id.hex()), "span_id": text(span_id.hex())}
    return {**ids, "attributes": attributes} if attributes else ids


def dropped(attributes: int, events: int, links: int) -> dict[str, int]:
    counts = {"attributes": attributes, "events": events, "links": links}
    return {name: count for name, count in counts.items() if count}


def excess(members: Sequence[Any], limit: int) -> int:
    return max(len(members) - limit, 0)

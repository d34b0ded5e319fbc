"""How many spans a request in protobuf holds, told from its bytes alone.

Two bytes can stand for a span, which takes a hundred times as much once it is parsed: whoever sends millions of them is
refused before that.
"""

from collections.abc import Iterator

from tags.ingest.errors import Rejected
from tags.ingest.intake import check_count

# ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans
_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 1, 2, 2

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def check_spans(body: bytes) -> None:
    """Raises PayloadTooLarge for too many spans, or scopes, or resources; Rejected for what is no such request."""
    spans = scopes = 0
    try:
        for resources, resource in enumerate(_members(body, _RESOURCE_SPANS, 0, len(body)), 1):
            check_count(resources)
            for scope in _members(body, _SCOPE_SPANS, *resource):
                check_count(scopes := scopes + 1)
                for _ in _members(body, _SPANS, *scope):
                    check_count(spans := spans + 1)
    except IndexError as error:
        raise Rejected("unreadable", "The body is no ExportTraceServiceRequest in protobuf") from error


def _members(body: bytes, wanted: int, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the messages of a repeated field begin and end."""
    while at < end:
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _varint(body, at)
            if tag >> 3 == wanted:
                yield at, at + length
            at += length
        elif kind == _VARINT:
            _, at = _varint(body, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise IndexError  # groups, which OTLP never had, could hide what is counted


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """The number, and where the next thing begins. Raises IndexError where the body ends."""
    value = shift = 0
    while True:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80 or shift > 63:
            return value, at
        shift += 7

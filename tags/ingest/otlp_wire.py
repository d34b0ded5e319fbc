"""OTLP over HTTP: spans out of a request, and the answer to it in the same encoding.

A request that cannot be read at all is Rejected; of one that can be, each span is read by itself. https://opentelemetry.io/docs/specs/otlp/
"""

import json
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tags.ingest import otlp_json, otlp_spans
from tags.ingest.errors import Rejected
from tags.ingest.otlp_count import check_spans
from tags.ingest.otlp_spans import MAX_ATTRIBUTES, MAX_EVENTS, MAX_LINKS, Attributes, Event, Received, Span, excess
from tags.ingest.otlp_values import CUT, MAX_DEPTH, from_bytes, number, storable, text

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def decode(body: bytes, content_type: str) -> list[Received]:
    """The spans of an ExportTraceServiceRequest, uncompressed.

    Raises Rejected at once if it cannot be read, and PayloadTooLarge for too many.
    """
    media_type = _media_type(content_type)
    if media_type == PROTOBUF:
        return _spans(_parse(body))
    if media_type == JSON:
        return otlp_json.spans(body)
    raise Rejected("unsupported_media_type", f"Traces come as {PROTOBUF} or {JSON}")


def encode_response(rejected: int, message: str, content_type: str) -> bytes:
    """An ExportTraceServiceResponse; it is empty when all went well."""
    is_partial = bool(rejected or message)
    if _media_type(content_type) == JSON:
        partial = {"rejectedSpans": str(rejected), "errorMessage": text(message)}
        return json.dumps({"partialSuccess": partial} if is_partial else {}).encode()
    response = ExportTraceServiceResponse()
    if is_partial:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = text(message)
    return response.SerializeToString()


def encode_error(message: str, content_type: str) -> bytes:
    """A google.rpc.Status with its message alone, as OTLP wants it."""
    if _media_type(content_type) == JSON:
        return json.dumps({"message": text(message)}).encode()
    # Status.message is a text in field 2, and so is this; Status itself is in a package that is not needed otherwise.
    return InstrumentationScope(version=text(message)).SerializeToString()


def to_keep(received: Received) -> Any:
    """A span that was rejected, as JSON that can be stored; `kept` makes it a span again, to try once more."""
    span = received.raw
    if isinstance(span, trace_pb2.Span):
        span = json_format.MessageToDict(span)
        for holder, message in [(span, received.raw), *zip(span.get("links", []), received.raw.links, strict=True)]:
            ids = {"traceId": message.trace_id, "spanId": message.span_id}
            holder.update({name: id.hex() for name, id in ids.items()})
        span["parentSpanId"] = received.raw.parent_span_id.hex()
    return {"resource": received.resource, "scope": received.scope, "span": storable(span)}


def kept(value: Any) -> Received:
    return Received(value["span"], value["resource"], value["scope"], otlp_json.read_span)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _parse(body: bytes) -> ExportTraceServiceRequest:
    check_spans(body)
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Rejected("unreadable", "The body is no ExportTraceServiceRequest in protobuf") from error


def _spans(request: ExportTraceServiceRequest) -> list[Received]:
    received: list[Received] = []
    for of_resource in request.resource_spans:
        resource, _ = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            attributes, _ = _attributes(of_scope.scope.attributes)
            scope = otlp_spans.scope(of_scope.scope.name, of_scope.scope.version, attributes)
            received += [Received(span, resource, scope, _span) for span in of_scope.spans]
    return received


def _span(span: trace_pb2.Span, resource: Attributes, scope: Attributes) -> Span:
    attributes, missing = _attributes(span.attributes)
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        trace_state=text(span.trace_state),
        flags=span.flags,
        name=text(span.name),
        kind=span.kind,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes,
        events=[_event(event) for event in span.events[-MAX_EVENTS:]],
        links=[_link(link) for link in span.links[:MAX_LINKS]],
        dropped=otlp_spans.dropped(
            missing + span.dropped_attributes_count,
            excess(span.events, MAX_EVENTS) + span.dropped_events_count,
            excess(span.links, MAX_LINKS) + span.dropped_links_count,
        ),
        status_code=span.status.code,
        status_message=text(span.status.message),
        resource=resource,
        scope=scope,
    )


def _event(event: trace_pb2.Span.Event) -> Event:
    return Event(text(event.name), event.time_unix_nano, _attributes(event.attributes)[0])


def _link(link: trace_pb2.Span.Link) -> Attributes:
    return otlp_spans.link(link.trace_id, link.span_id, _attributes(link.attributes)[0])


def _attributes(pairs: Sequence[KeyValue]) -> tuple[Attributes, int]:
    """The attributes, and how many more there were."""
    return _pairs(pairs[:MAX_ATTRIBUTES], 1), excess(pairs, MAX_ATTRIBUTES)


def _pairs(pairs: Sequence[KeyValue], depth: int) -> Attributes:
    return {text(pair.key): _value(pair.value, depth) for pair in pairs}


def _value(value: AnyValue, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return text(value.string_value)
    if kind == "double_value":
        return number(value.double_value)
    if kind == "bytes_value":
        return from_bytes(value.bytes_value)
    if kind == "array_value":
        return CUT if depth > MAX_DEPTH else [_value(member, depth + 1) for member in value.array_value.values]
    if kind == "kvlist_value":
        return CUT if depth > MAX_DEPTH else _pairs(value.kvlist_value.values, depth + 1)
    return getattr(value, kind) if kind in ("bool_value", "int_value") else None

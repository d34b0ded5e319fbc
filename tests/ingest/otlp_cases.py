"""The recorded spans, what they come to, and requests made by hand."""

import base64
import json
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tags.actions.claims import FlowExecutionRecord, TaskExecutionRecord
from tags.actions.observations import FlowExecutionObservation, Observation, TaskExecutionObservation
from tags.ingest.otlp import observations
from tags.ingest.otlp_spans import Received
from tags.ingest.otlp_wire import JSON, PROTOBUF, decode
from tagsite.recordings import recorded

TRACE, SPAN, PARENT = "5ab50643fd159a9eebb5b098338acc4a", "a883a2893631b927", "93a03e53e89ffa6b"
START, END = 1_795_469_862_527_000_000, 1_795_469_862_557_925_707

Told = tuple[FlowExecutionObservation, TaskExecutionObservation]


def requests(name: str) -> list[tuple[bytes, str]]:
    """(body, content type) each."""
    return [(request.unpacked, request.headers["content-type"]) for request in recorded(f"otlp-{name}")]


def received(name: str) -> list[Received]:
    return [span for body, content_type in requests(name) for span in decode(body, content_type)]


def told_by(span: Received) -> Told:
    flow_execution, task = observations(span)
    assert isinstance(flow_execution, FlowExecutionObservation)
    assert isinstance(task, TaskExecutionObservation)
    return flow_execution, task


def told(recording: str, task_name: str, idx: int = 0) -> Told:
    """What the one span says that is that run of that task."""
    found = [one for one in map(told_by, received(recording)) if (one[1].task_name, one[1].idx) == (task_name, idx)]
    assert len(found) == 1
    return found[0]


def values(claims: Any) -> Any:
    return {".".join(path): claim.value for path, claim in claims.items()}


class Fold:
    """All observations merged into records, as tags/actions/ingest.py does."""

    def __init__(self, observed: Iterable[Observation]) -> None:
        self.flow_executions: dict[UUID, FlowExecutionRecord] = {}
        self.tasks: dict[tuple[UUID, str, int], TaskExecutionRecord] = {}
        for one in observed:
            if isinstance(one, FlowExecutionObservation):
                new = FlowExecutionRecord({}, one.id, "queued", {}, is_new=True)
                self.flow_executions.setdefault(one.id, new).take(one)
            elif isinstance(one, TaskExecutionObservation):
                key = (one.flow_execution_id, one.task_name, one.idx)
                self.tasks.setdefault(key, TaskExecutionRecord({}, *key)).take(one)

    @classmethod
    def of(cls, spans: Iterable[Received]) -> "Fold":
        return cls(one for span in spans for one in observations(span))

    def state(self) -> Any:
        flows = {id: (f.flow_name, f.status, f.input, f.claims) for id, f in self.flow_executions.items()}
        tasks = {
            key: (t.status, t.input, t.output, t.error, t.started_at, t.completed_at, t.claims)
            for key, t in self.tasks.items()
        }
        return flows, tasks


def attributes(**values: Any) -> list[dict[str, Any]]:
    """OTLP's attributes of plain values; `gen_ai__agent__name` stands for `gen_ai.agent.name`."""
    return [{"key": name.replace("__", "."), "value": any_value(value)} for name, value in values.items()]


def any_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [any_value(member) for member in value]}}
        case dict():
            pairs = [{"key": key, "value": any_value(member)} for key, member in value.items()]
            return {"kvlistValue": {"values": pairs}}
    return {}


def span(**fields: Any) -> dict[str, Any]:
    """A child span in OTLP/JSON."""
    ids = {"traceId": TRACE, "spanId": SPAN, "parentSpanId": PARENT}
    times = {"startTimeUnixNano": str(START), "endTimeUnixNano": str(END)}
    return {**ids, "name": "step", "kind": 1, **times, **fields}


def request(*spans: Any, service: str = "tester") -> dict[str, Any]:
    resource = {"attributes": attributes(service__name=service)}
    scopes = [{"scope": {"name": "by hand", "version": "1"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}


def sent(*spans: Any, **options: Any) -> list[Received]:
    return decode(json.dumps(request(*spans, **options)).encode(), JSON)


def tell(**fields: Any) -> Told:
    """What one span says, as JSON and as protobuf alike."""
    (as_json,) = sent(span(**fields))
    (as_protobuf,) = decode(to_protobuf(request(span(**fields))), PROTOBUF)
    assert observations(as_protobuf) == observations(as_json)
    return told_by(as_json)


# From one encoding to the other


def to_json(body: bytes, **options: Any) -> dict[str, Any]:
    """OTLP/JSON of a request in protobuf: what protobuf makes of it, with ids in hexadecimal."""
    message = json_format.MessageToDict(ExportTraceServiceRequest.FromString(body), **options)
    return _with_ids(message, lambda id: base64.b64decode(id).hex())


def to_protobuf(message: dict[str, Any]) -> bytes:
    as_base64 = _with_ids(deepcopy(message), lambda id: base64.b64encode(bytes.fromhex(id)).decode())
    return json_format.ParseDict(as_base64, ExportTraceServiceRequest()).SerializeToString()


def _with_ids(node: Any, change: Any) -> Any:
    members: Sequence[Any] = list(node.items()) if isinstance(node, dict) else []
    for name, member in members:
        if name.replace("_", "").lower() in ("traceid", "spanid", "parentspanid"):
            node[name] = change(member)
        else:
            _with_ids(member, change)
    for member in node if isinstance(node, list) else []:
        _with_ids(member, change)
    return node

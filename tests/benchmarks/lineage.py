"""Requests of OpenLineage events and OTLP spans, as bytes, in the size and order in which producers send them."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from uuid import UUID, uuid5

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TASKS_OF_A_RUN = 10
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_PRODUCER = "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark"
_FACETS = "https://openlineage.io/spec/facets/1-0-0"


class Events:
    """An endless stream of events of about 1 kB: tasks of runs that go on side by side, each started and completed."""

    def __init__(self, name: str, runs_at_once: int = 10) -> None:
        self._name = uuid5(UUID(int=0), name)
        self._runs_at_once = runs_at_once
        self._numbers = count()
        self._events = self._all()

    def take(self, size: int) -> list[bytes]:
        return list(islice(self._events, size))

    def starts_then_ends(self, size: int) -> tuple[list[bytes], list[bytes]]:
        """The two events of so many tasks, apart."""
        both = self.take(2 * size)
        return [one for one in both if b'"START"' in one], [one for one in both if b'"COMPLETE"' in one]

    def _all(self) -> Iterator[bytes]:
        while True:
            runs = [next(self._numbers) for _ in range(self._runs_at_once)]
            for step in range(TASKS_OF_A_RUN):
                for kind in ("START", "COMPLETE"):
                    for run in runs:
                        yield self._event(run, step, kind)

    def _event(self, run: int, step: int, kind: str) -> bytes:
        parent, own = (str(uuid5(self._name, text)) for text in (f"{run}", f"{run} {step}"))
        time = _BEGIN + timedelta(minutes=run, seconds=2 * step + (kind == "COMPLETE"))
        job, table = f"nightly_load.step_{step}", f"public.orders_{step}"
        return (
            _TEMPLATE.replace(b"KIND", kind.encode())
            .replace(b"TIME", time.isoformat().encode())
            .replace(b"OWN", own.encode())
            .replace(b"PARENT", parent.encode())
            .replace(b"JOB", job.encode())
            .replace(b"TABLE", table.encode())
        )


def _facet(name: str, **members: object) -> dict[str, object]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACETS}/{name}.json", **members}


_QUERY = "INSERT INTO TABLE SELECT id, total, currency FROM staging.TABLE WHERE loaded_at > now()"
_TEMPLATE = json.dumps(
    {
        "eventType": "KIND",
        "eventTime": "TIME",
        "producer": _PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": "OWN",
            "facets": {
                "parent": _facet(
                    "ParentRunFacet",
                    run={"runId": "PARENT"},
                    job={"namespace": "warehouse", "name": "nightly_load"},
                )
            },
        },
        "job": {"namespace": "warehouse", "name": "JOB", "facets": {"sql": _facet("SQLJobFacet", query=_QUERY)}},
        "inputs": [{"namespace": "postgres://db", "name": "staging.TABLE", "facets": {}}],
        "outputs": [{"namespace": "postgres://db", "name": "TABLE", "facets": {}}],
    },
    separators=(",", ":"),
).encode()


def spans(size: int, seed: int) -> bytes:
    """An ExportTraceServiceRequest of traces of an agent, ten spans each."""
    random_bytes = random.Random(seed).randbytes  # noqa: S311  # ids of a benchmark
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "expenses"
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_agents"
    start = int(_BEGIN.timestamp()) * 10**9
    for number in range(size):
        step = number % 10
        if step == 0:
            trace, root = random_bytes(16), b""
        span = scope.spans.add(trace_id=trace, span_id=random_bytes(8), parent_span_id=root, kind=1)
        root = root or span.span_id
        span.name = f"execute_tool read_receipt_{step}" if step else "invoke_agent expenses"
        span.start_time_unix_nano, span.end_time_unix_nano = start + step * 10**6, start + (step + 1) * 10**6
        for key, value in _ATTRIBUTES.items():
            span.attributes.add(key=key).value.string_value = value
    body: bytes = request.SerializeToString()
    return body


_ATTRIBUTES = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "read_receipt",
    "gen_ai.tool.call.arguments": '{"receipt": "R-2026-0131", "account": "travel", "currency": "EUR"}',
    "gen_ai.tool.call.result": '{"total": 118.5, "vendor": "Hotel Lindner", "items": [{"name": "night", "price": 99}]}',
}

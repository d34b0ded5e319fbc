"""What OTLP spans mean: a trace is a flow execution, and each of its spans a task execution.

All that one span tells has one rank and one time, so a span that arrives twice, or late, changes nothing else.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tags.actions.observations import (
    ENDED,
    RUNNING,
    Claim,
    FlowExecutionObservation,
    Observation,
    Path,
    TaskExecutionObservation,
    flow_name,
    task_name,
)
from tags.db import exact_json
from tags.ingest.errors import Rejected
from tags.ingest.otlp_attributes import Read, is_count, under
from tags.ingest.otlp_spans import Attributes, Event, Received, Span
from tags.ingest.otlp_values import CUT
from tags.models.execution import TASK_NAME_LENGTH, FlowExecutionStatus, ProcessingStatus

# One of these is on every step of an agent or a workflow.
_STEP_ATTRIBUTES = ("gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "ai.operationId")

_AIRFLOW_STATUS = {
    "success": ProcessingStatus.COMPLETED,
    "failed": ProcessingStatus.FAILED,
    "up_for_retry": ProcessingStatus.FAILED,
    "skipped": ProcessingStatus.CANCELLED,
    "upstream_failed": ProcessingStatus.CANCELLED,
    "removed": ProcessingStatus.CANCELLED,
    **dict.fromkeys(
        ("scheduled", "queued", "running", "restarting", "deferred", "up_for_reschedule"), ProcessingStatus.RUNNING
    ),
}
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_SERVER, _CONSUMER, _ERROR = 2, 5, 2
_PARENT_IS_REMOTE = 0x300  # the flags' bit 8: it is known whether the parent is remote; bit 9: it is

# What names a trace: its root, else the span where it came into a service that is recorded, else any other.
_ANY, _ENTRY, _ROOT = 0, 1, 2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (2000, 2200))
_LARGEST_IDX = 2**31 - 1
_TRACEBACK = "Traceback (most recent call last)"


def observations(received: Received, which: str = "all") -> list[Observation]:
    """What a span tells of its trace, and of itself if it counts as a task. Raises Rejected for a bad one."""
    span = received.read()
    _check(span)
    read = Read.of(span)
    flow_execution = _flow_execution(span, read)
    return [flow_execution, _task_execution(span, read)] if counts(span, which) else [flow_execution]


def counts(span: Span, which: str) -> bool:
    """Whether it is a task: of "all" spans, or of "steps" alone: those of agents and workflows, and Airflow's tasks."""
    is_step = _is_task_run(span) or any(name in span.attributes for name in _STEP_ATTRIBUTES)
    return which == "all" or is_step


def _check(span: Span) -> None:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        raise Rejected("invalid_id", "A trace id is 16 bytes, not all of them zero")
    if len(span.span_id) != 8 or not any(span.span_id):
        raise Rejected("invalid_id", "A span id is 8 bytes, not all of them zero")
    if len(span.parent_span_id) not in (0, 8):
        raise Rejected("invalid_id", "A parent's span id is 8 bytes, or there is none")
    if not _EARLIEST <= span.start < _LATEST or not (span.end == 0 or _EARLIEST <= span.end < _LATEST):
        raise Rejected("invalid_time", "A span's times are nanoseconds since 1970, of the years 2000 to 2199")


# The flow execution


def _flow_execution(span: Span, read: Read) -> FlowExecutionObservation:
    standing, start = _standing(span), _time(span.start)
    claims: dict[Path, Any] = {("session", key): value for key, value in read.session.items()}
    if span.resource:
        claims["resource",] = span.resource
    if standing != _ANY:
        texts = {key: value for key, value in read.input.items() if key != "model"}
        claims.update({("input",): texts} if texts else {})
    return FlowExecutionObservation(
        id=UUID(bytes=span.trace_id),
        flow_name=Claim(flow_name(_name_of_flow(span, standing)), start, standing),
        status=_flow_status(span, standing),
        input={path: Claim(value, start, standing) for path, value in claims.items()},
    )


def _standing(span: Span) -> int:
    if not any(span.parent_span_id) or (_is_airflow(span) and span.name.startswith("dag_run.")):
        return _ROOT
    is_entry = span.flags & _PARENT_IS_REMOTE == _PARENT_IS_REMOTE or span.kind in (_SERVER, _CONSUMER)
    return _ENTRY if is_entry or _is_airflow(span) else _ANY


def _name_of_flow(span: Span, standing: int) -> str:
    """Runs of one agent or DAG make one flow; building an agent is no run of it."""
    name = span.attributes.get("airflow.dag_id")
    if standing == _ANY and name is None:
        name = span.resource.get("service.name") or "unknown_service"
    if name is None and span.attributes.get("gen_ai.operation.name") != "create_agent":
        names = ("gen_ai.agent.name", "ai.telemetry.functionId", "traceloop.workflow.name")
        name = next((span.attributes[name] for name in names if span.attributes.get(name)), None)
    return _text(span.name if name is None else name)


def _flow_status(span: Span, standing: int) -> Claim:
    """Only where a trace began, or came in, is it known to have ended; Airflow's tasks are no such place."""
    time, is_end = _time(max(span.end, span.start)), span.end and standing != _ANY
    if not is_end or (_is_airflow(span) and standing != _ROOT):
        return Claim(FlowExecutionStatus.RUNNING, time, RUNNING)
    state = span.attributes.get("airflow.dag_run.state")
    if state not in ("success", "failed"):
        state = "failed" if span.status_code == _ERROR else "success"
    status = FlowExecutionStatus.FAILED if state == "failed" else FlowExecutionStatus.COMPLETED
    return Claim(status, time, ENDED if standing == _ENTRY else ENDED + 1)


# The task execution


def _task_execution(span: Span, read: Read) -> TaskExecutionObservation:
    time = _time(max(span.end, span.start))
    status = _task_status(span)
    failed = status.value == ProcessingStatus.FAILED
    exception = _exception(span) if failed else None
    events = [_event(event) for event in span.events if event is not exception]
    input = {
        **read.input,
        **under("session", read.session),
        **under("attributes", read.rest),
        **under("service", span.resource.get("service.name")),
        **under("scope", span.scope),
        "span": _span_itself(span),
    }
    return TaskExecutionObservation(
        flow_execution_id=UUID(bytes=span.trace_id),
        task_name=_name_of_task(span),
        idx=_idx(span),
        status=status,
        started_at=_time(span.start),
        input={(key,): Claim(value, time) for key, value in input.items()},
        output={(key,): Claim(value, time) for key, value in {**read.output, **under("events", events)}.items()},
        error=Claim(_error(span, exception), time) if failed else None,
    )


def _name_of_task(span: Span) -> str:
    """Two calls of a tool are two tasks. Airflow counts the tries of a task itself, under one span id."""
    if _is_task_run(span):
        map_index = span.attributes.get("airflow.task_instance.map_index")
        index = f"[{map_index}]" if is_count(map_index) and map_index >= 0 else ""
        return task_name(_text(span.attributes["airflow.task_id"]) + index)
    step, id = _step(span) or "(no name)", f" [{span.span_id.hex()}]"
    if len(step + id) > TASK_NAME_LENGTH:
        step = step[: TASK_NAME_LENGTH - len(id) - 1] + CUT
    return step + id


def _step(span: Span) -> str:
    """The span's own name, made to tell which tool or agent it is about if it does not."""
    attributes, operation = span.attributes, span.attributes.get("gen_ai.operation.name")
    subject = attributes.get("gen_ai.tool.name") or attributes.get("tool.name") or attributes.get("ai.toolCall.name")
    if operation in ("invoke_agent", "create_agent"):
        subject = attributes.get("gen_ai.agent.name")
    subject = subject or attributes.get("traceloop.entity.name")
    if not isinstance(subject, str) or subject in span.name:
        return span.name
    does = operation if operation in ("execute_tool", "invoke_agent", "create_agent") else span.name
    return f"{does} {subject}".strip()


def _idx(span: Span) -> int:
    tries = span.attributes.get("airflow.task_instance.try_number")
    return tries - 1 if _is_task_run(span) and is_count(tries) and 1 <= tries <= _LARGEST_IDX else 0


def _task_status(span: Span) -> Claim:
    if not span.end:
        return Claim(ProcessingStatus.RUNNING, _time(span.start), RUNNING)
    status = ProcessingStatus.FAILED if span.status_code == _ERROR else ProcessingStatus.COMPLETED
    if _is_task_run(span):
        status = _AIRFLOW_STATUS.get(_text(span.attributes.get("airflow.task_instance.state")), status)
    rank = RUNNING if status == ProcessingStatus.RUNNING else ENDED
    return Claim(status, _time(max(span.end, span.start)), rank)


def _exception(span: Span) -> Event | None:
    return next((event for event in reversed(span.events) if event.name == "exception"), None)


def _error(span: Span, exception: Event | None) -> dict[str, str]:
    of_event = exception.attributes if exception else {}
    message, trace = _split(span.status_message)
    state = span.attributes.get("airflow.task_instance.state")
    error = {
        "type": of_event.get("exception.type") or span.attributes.get("error.type"),
        "message": of_event.get("exception.message") or message or state or "(no message)",
        "stackTrace": of_event.get("exception.stacktrace") or trace,
    }
    return {key: _text(value) for key, value in error.items() if value}


def _split(message: str) -> tuple[str, str]:
    """A status message without the traceback that some producers append to it, and that."""
    head, mark, tail = message.partition(_TRACEBACK)
    if mark:
        return head.strip() or tail.strip().rpartition("\n")[2], mark + tail
    head, _, tail = message.strip().partition("\n")
    return head, tail


def _event(event: Event) -> Attributes:
    return {"name": event.name, "time": _time(event.time).isoformat(), **under("attributes", event.attributes)}


def _span_itself(span: Span) -> Attributes:
    has_parent = any(span.parent_span_id)
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() if has_parent else None,
        "name": span.name,
        "kind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else span.kind,
        "links": list(span.links),
        **under("trace_state", span.trace_state),
        **under("dropped", dict(span.dropped)),
    }


# Small things


def _is_airflow(span: Span) -> bool:
    return isinstance(span.attributes.get("airflow.dag_id"), str)


def _is_task_run(span: Span) -> bool:
    return span.name.startswith("task_run.") and isinstance(span.attributes.get("airflow.task_id"), str)


def _time(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else exact_json.dumps(value)

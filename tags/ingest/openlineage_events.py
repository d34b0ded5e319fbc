"""An OpenLineage run event, read and checked once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tags.actions.observations import ENDED, RUNNING
from tags.ingest.errors import Rejected
from tags.ingest.fields import (
    JSONObject,
    optional_list,
    optional_object,
    optional_text,
    required_object,
    required_text,
    required_time,
    required_uuid,
)
from tags.models.execution import FlowExecutionStatus, ProcessingStatus


class Status(NamedTuple):
    flow: FlowExecutionStatus
    task: ProcessingStatus
    rank: int


STATUSES = {
    "START": Status(FlowExecutionStatus.RUNNING, ProcessingStatus.RUNNING, RUNNING),
    "RUNNING": Status(FlowExecutionStatus.RUNNING, ProcessingStatus.RUNNING, RUNNING),
    "COMPLETE": Status(FlowExecutionStatus.COMPLETED, ProcessingStatus.COMPLETED, ENDED),
    "FAIL": Status(FlowExecutionStatus.FAILED, ProcessingStatus.FAILED, ENDED),
    "ABORT": Status(FlowExecutionStatus.CANCELLED, ProcessingStatus.CANCELLED, ENDED),
    # More about a run at any moment, nothing about its state; the spec lets the type be absent too.
    "OTHER": None,
    None: None,
}


class Named(NamedTuple):
    """A run that another one names: its parent or its root."""

    run_id: UUID
    job_name: str


@dataclass(slots=True)
class Event:
    type: str | None
    time: datetime
    producer: str | None
    run_id: UUID
    run_facets: JSONObject
    job_namespace: str
    job_name: str
    job_facets: JSONObject
    inputs: list[Any]
    outputs: list[Any]
    parent: Named | None
    root: Named | None
    status: Status | None
    # Of all claims but those of a status: what the end of a run says stands, whatever the clocks.
    rank: int


def is_run_event(event: Any) -> bool:
    """Whether it tells of a run, well or badly; the spec's DatasetEvent and JobEvent are about design time."""
    if type(event) is not dict:
        raise Rejected("wrong_type", "The event must be an object")
    return "run" in event or "eventType" in event or not ("job" in event or "dataset" in event)


def read(event: JSONObject) -> Event:
    run = required_object(event, "run", "run")
    job = required_object(event, "job", "job")
    kind = optional_text(event, "eventType", "eventType")
    if kind not in STATUSES:
        raise Rejected("unknown_event_type", "eventType must be START, RUNNING, COMPLETE, FAIL, ABORT or OTHER")
    status = STATUSES[kind]
    run_id = required_uuid(run, "runId", "run.runId")
    run_facets = optional_object(run, "facets", "run.facets")
    parent, root = _ancestors(run_facets, run_id) if run_facets.get("parent") is not None else (None, None)
    return Event(
        type=kind,
        time=required_time(event, "eventTime", "eventTime"),
        producer=optional_text(event, "producer", "producer"),
        run_id=run_id,
        run_facets=run_facets,
        job_namespace=required_text(job, "namespace", "job.namespace"),
        job_name=required_text(job, "name", "job.name"),
        job_facets=optional_object(job, "facets", "job.facets"),
        inputs=optional_list(event, "inputs", "inputs"),
        outputs=optional_list(event, "outputs", "outputs"),
        parent=parent,
        root=root,
        status=status,
        rank=1 if status is not None and status.rank == ENDED else 0,
    )


def _ancestors(run_facets: JSONObject, run_id: UUID) -> tuple[Named, Named | None]:
    facet = required_object(run_facets, "parent", "run.facets.parent")
    parent = _named(facet, "run.facets.parent")
    root = None
    if facet.get("root") is not None:
        root = _named(required_object(facet, "root", "run.facets.parent.root"), "run.facets.parent.root")
    if parent.run_id == run_id or (root is not None and root.run_id == run_id):
        raise Rejected("cyclic_parent", "run.facets.parent names the run itself")
    return parent, root


def _named(holder: JSONObject, place: str) -> Named:
    run = required_object(holder, "run", f"{place}.run")
    job = required_object(holder, "job", f"{place}.job")
    return Named(required_uuid(run, "runId", f"{place}.run.runId"), required_text(job, "name", f"{place}.job.name"))

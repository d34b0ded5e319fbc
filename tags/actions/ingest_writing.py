"""Writes the records that observations have changed, one statement each for all of them, and their events."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tags.actions.claims import FlowExecutionRecord, TaskExecutionRecord
from tags.actions.record_size import dumped_rows
from tags.db.tenancy import run
from tags.events import stream
from tags.models import Actor, EventType

_WRITE_FLOW_EXECUTIONS = """
    UPDATE flow_execution SET flow_id = coalesce(flow.id, flow_execution.flow_id), status = new.status,
                              input = new.input, claims = new.claims,
                              updated_at = %(moment)s::timestamptz, modified_by = %(modified_by)s
    FROM jsonb_to_recordset(%(records)s::jsonb) AS new(
             id uuid, flow_name text, status text, input jsonb, claims jsonb)
    LEFT JOIN flow ON flow.organization_id = %(organization_id)s AND flow.name = new.flow_name
    WHERE flow_execution.organization_id = %(organization_id)s AND flow_execution.id = new.id
    RETURNING flow_execution.id, flow_execution.flow_id::text, flow_execution.flow_version,
              to_json(flow_execution.created_at) #>> '{}'
"""
_WRITE_TASK_EXECUTIONS = """
    INSERT INTO task_execution (
        id, organization_id, flow_execution_id, task_name, task_execution_idx, processing_status,
        edited_status, stale_status, input, output, error, started_at, completed_at,
        created_at, modified_by, claims)
    SELECT id, %(organization_id)s, flow_execution_id, task_name, idx, status, edited_status, stale_status,
           nullif(input, 'null'), nullif(output, 'null'), nullif(error, 'null'), started_at, completed_at,
           %(moment)s::timestamptz, %(modified_by)s, claims
    FROM jsonb_to_recordset(%(records)s::jsonb) AS new(
             id uuid, flow_execution_id uuid, task_name text, idx int, status text, edited_status text,
             stale_status text, input jsonb, output jsonb, error jsonb, started_at timestamptz,
             completed_at timestamptz, claims jsonb)
    ON CONFLICT (organization_id, flow_execution_id, task_name, task_execution_idx) DO UPDATE
    SET processing_status = excluded.processing_status, input = excluded.input, output = excluded.output,
        error = excluded.error, started_at = excluded.started_at, completed_at = excluded.completed_at,
        claims = excluded.claims, updated_at = excluded.created_at, modified_by = excluded.modified_by
"""


def write_records(
    organization_id: UUID,
    actor: Actor,
    moment: str,
    flow_executions: Iterable[FlowExecutionRecord],
    tasks: Iterable[TaskExecutionRecord],
) -> None:
    """Those that have changed. Locks the organization's stream. Raises TooLarge.

    Caller must hold the flow executions.
    """
    writing = _Writing(organization_id, actor, moment)
    events = [
        *writing.flow_executions([record for record in flow_executions if record.changed]),
        *writing.tasks([record for record in tasks if record.changed or record.is_new]),
    ]
    if events:
        stream.append(organization_id, events, actor, moment)


class _Writing:
    def __init__(self, organization_id: UUID, actor: Actor, moment: str) -> None:
        self._moment, self._modified_by = moment, actor.label
        self._common = {"organization_id": organization_id, "moment": moment, "modified_by": actor.label}

    def flow_executions(self, records: Sequence[FlowExecutionRecord]) -> list[stream.NewEvent]:
        """Waits for an answer: which flow one has come to is known then."""
        if not records:
            return []
        by_id = {record.id: record for record in records}
        written = run(
            _WRITE_FLOW_EXECUTIONS, {**self._common, "records": dumped_rows(map(_flow_execution_row, records))}
        )
        return [
            self._flow_execution_event(by_id[id], *values)
            for id, *values in sorted(written)
            if by_id[id].has_visibly_changed
        ]

    def _flow_execution_event(
        self, record: FlowExecutionRecord, flow_id: str, flow_version: int, created_at: str
    ) -> stream.NewEvent:
        kind = EventType.FLOW_EXECUTION_CREATED if record.is_new else EventType.FLOW_EXECUTION_UPDATED
        data = {
            "id": str(record.id),
            "flow_id": flow_id,
            "flow_version": flow_version,
            "status": record.status,
            "created_at": created_at,
            "updated_at": self._moment,
            "modified_by": self._modified_by,
        }
        return stream.NewEvent(kind, record.id, "", data)

    def tasks(self, records: Sequence[TaskExecutionRecord]) -> list[stream.NewEvent]:
        if not records:
            return []
        run(_WRITE_TASK_EXECUTIONS, {**self._common, "records": dumped_rows(map(_task_row, records))})
        return [self._task_event(record) for record in records if record.has_visibly_changed]

    def _task_event(self, record: TaskExecutionRecord) -> stream.NewEvent:
        kind = EventType.TASK_EXECUTION_CREATED if record.is_new else EventType.TASK_EXECUTION_UPDATED
        data = {
            "id": record.id,
            "task_execution_idx": record.idx,
            "processing_status": record.status,
            "edited_status": record.edited_status,
            "stale_status": record.stale_status,
            "created_at": record.created_at or self._moment,
            "updated_at": None if record.is_new else self._moment,
            "modified_by": self._modified_by,
        }
        return stream.NewEvent(kind, record.flow_execution_id, record.task_name, data)


def _flow_execution_row(record: FlowExecutionRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "flow_name": record.flow_name,
        "status": record.status,
        "input": record.input,
        "claims": record.claims,
    }


def _task_row(record: TaskExecutionRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "flow_execution_id": str(record.flow_execution_id),
        "task_name": record.task_name,
        "idx": record.idx,
        "status": record.status,
        "edited_status": record.edited_status,
        "stale_status": record.stale_status,
        "input": record.input,
        "output": record.output,
        "error": record.error,
        "started_at": record.started_at,
        "completed_at": record.completed_at,
        "claims": record.claims,
    }

"""Task executions: reported by workers, corrected by people."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from tags.actions.claims import written_by_others
from tags.actions.rules import apply_rules, candidate_of
from tags.db import exact_json
from tags.db.clock import database_now
from tags.db.exact_json import ExactJSONField
from tags.db.tenancy import in_organization
from tags.errors import Conflict, Invalid, NotFound, detail
from tags.events import stream
from tags.models import Actor, EditedStatus, EventType, FlowExecution, StaleStatus, TaskExecution

# Everything that names this execution among its sources, directly or through others. `$.**` finds the id wherever it
# stands in the free-form source_task_executions.
_DEPENDENTS = """
    WITH RECURSIVE dependent AS (
        SELECT %(id)s::uuid AS id
        UNION
        SELECT task.id FROM dependent
        JOIN task_execution AS task ON jsonb_path_exists(
            task.source_task_executions, '$.** ? (@ == $id)', jsonb_build_object('id', dependent.id))
        WHERE task.organization_id = %(organization_id)s AND task.flow_execution_id = %(flow_execution_id)s
    )
    SELECT id FROM dependent WHERE id <> %(id)s
"""


def report_task_execution(
    organization_id: UUID, actor: Actor, *, flow_execution_id: UUID, task_name: str, idx: int, fields: Mapping[str, Any]
) -> TaskExecution:
    """Create the run of a task, or bring it up to date: only `fields` change. The same report again changes nothing.

    Raises NotFound if the flow execution does not exist. An output that comes after a person's correction makes the
    record `edited_reexecuted`; the event keeps the corrected one. Review rules see what is created or changed.
    """
    with in_organization(organization_id):
        _lock_flow_execution(organization_id, flow_execution_id, "Flow execution not found")
        record: TaskExecution
        record, created = TaskExecution.objects.select_for_update(no_key=True).get_or_create(
            organization_id=organization_id,
            flow_execution_id=flow_execution_id,
            task_name=task_name,
            task_execution_idx=idx,
            defaults={**fields, "created_at": database_now, "modified_by": actor.label},
        )
        if created:
            _record(EventType.TASK_EXECUTION_CREATED, [record], actor)
            apply_rules(organization_id, actor, [candidate_of(record)])
            return record
        changes = _changes(record, fields)
        if "output" in changes and record.edited_status == EditedStatus.EDITED_NOT_REEXECUTED:
            changes["edited_status"] = EditedStatus.EDITED_REEXECUTED
        _change(record, changes, actor)
        apply_rules(organization_id, actor, [candidate_of(record)] if changes else [])
    return record


def correct_task_execution(
    organization_id: UUID,
    actor: Actor,
    record_id: UUID,
    fields: Mapping[str, Any],
    *,
    seen: Mapping[str, Any],
    execute_flow: bool = False,
) -> TaskExecution:
    """Change the record's `fields`; with `execute_flow`, what depends on it becomes `stale`.

    `seen` is what the caller believes of the fields that cannot change. Raises NotFound; Conflict if it holds an
    `updated_at` that is not the stored one; Invalid if it moves the record to another task. Locks the flow execution,
    so that two corrections in it take turns.
    """
    with in_organization(organization_id):
        record = _locked_record(organization_id, record_id)
        _check_seen(record, seen)
        changes = _changes(record, fields)
        if "output" in changes and actor.kind == "user":
            changes["edited_status"] = EditedStatus.EDITED_NOT_REEXECUTED
        _change(record, changes, actor)
        if execute_flow:
            _mark_dependents_stale(record, actor)
    return record


def _lock_flow_execution(organization_id: UUID, execution_id: UUID | None, message: str) -> None:
    """Take turns with ingest and with other changes in it. Raises NotFound with the message."""
    executions = FlowExecution.objects.in_organization(organization_id).not_deleted().filter(id=execution_id)
    if execution_id is None or not executions.select_for_update(no_key=True).exists():
        raise NotFound(message)


def _locked_record(organization_id: UUID, record_id: UUID) -> TaskExecution:
    records = TaskExecution.objects.in_organization(organization_id)
    found = records.filter(id=record_id).values_list("flow_execution_id", flat=True).first()
    _lock_flow_execution(organization_id, found, "Task execution not found")
    record: TaskExecution = records.select_for_update(no_key=True).get(id=record_id)
    return record


def _check_seen(record: TaskExecution, seen: Mapping[str, Any]) -> None:
    if "updated_at" in seen and seen["updated_at"] != record.updated_at:
        raise Conflict("The task execution was changed since it was read; read it again and repeat the change")
    moved = [name for name in seen if name != "updated_at" and seen[name] != getattr(record, name)]
    if moved:
        raise Invalid(
            f"{moved[0]} cannot be changed",
            [detail(("body", name), "cannot be changed", "immutable") for name in moved],
        )


def _changes(record: TaskExecution, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not _same(name, getattr(record, name), value)}


def _same(name: str, stored: Any, value: Any) -> bool:
    """As JSON where the column is JSON: to Python, true and 1 are equal."""
    if isinstance(TaskExecution._meta.get_field(name), ExactJSONField):
        return exact_json.canonical_digest(stored) == exact_json.canonical_digest(value)
    return bool(stored == value)


def _change(record: TaskExecution, changes: Mapping[str, Any], actor: Actor) -> None:
    """Caller must hold the record's row. Without changes nothing happens, and nothing is recorded."""
    if not changes:
        return
    previous = {name: getattr(record, name) for name in changes}
    record.change(
        **changes, claims=written_by_others(record.claims, changes), updated_at=database_now(), modified_by=actor.label
    )
    _record(EventType.TASK_EXECUTION_UPDATED, [record], actor, previous)


def _mark_dependents_stale(record: TaskExecution, actor: Actor) -> None:
    """Caller must hold the flow execution's row."""
    parameters = {
        "id": record.id,
        "organization_id": record.organization_id,
        "flow_execution_id": record.flow_execution_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DEPENDENTS, parameters)
        ids = [row[0] for row in cursor.fetchall()]
    dependents = TaskExecution.objects.in_organization(record.organization_id).filter(id__in=ids)
    stale = list(dependents.exclude(stale_status=StaleStatus.STALE).order_by("id").select_for_update(no_key=True))
    for dependent in stale:
        dependent.change(stale_status=StaleStatus.STALE, updated_at=database_now(), modified_by=actor.label)
    if stale:
        _record(EventType.TASK_EXECUTION_UPDATED, stale, actor, {"stale_status": StaleStatus.CONSISTENT})


def _record(
    event_type: EventType, records: list[TaskExecution], actor: Actor, previous: Mapping[str, Any] | None = None
) -> None:
    """One event each; `previous` keeps what the change replaced, so that no output is ever lost."""
    first = records[0]
    events = [
        stream.NewEvent(event_type, record.flow_execution_id, record.task_name, _data(record, previous))
        for record in records
    ]
    stream.append(first.organization_id, events, actor, (first.updated_at or first.created_at).isoformat())


def _data(record: TaskExecution, previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record without its large values; a reader who wants those asks for the record."""
    data = {
        "id": str(record.id),
        "task_execution_idx": record.task_execution_idx,
        "processing_status": str(record.processing_status),
        "edited_status": str(record.edited_status),
        "stale_status": str(record.stale_status),
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat() if record.updated_at else None,
        "modified_by": record.modified_by,
    }
    if previous is not None:
        data["previous"] = {name: _plain(value) for name, value in previous.items()}
    return data


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value

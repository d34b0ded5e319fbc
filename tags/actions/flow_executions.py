"""Flow executions: created by whoever runs the flow, changed in status, hidden when deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from tags.db.clock import database_now
from tags.db.tenancy import in_organization
from tags.errors import Conflict, NotFound
from tags.events import stream
from tags.models import Actor, EventType, Flow, FlowExecution, FlowExecutionStatus
from tags.models.ids import uuid7


def create_flow_execution(
    organization_id: UUID,
    actor: Actor,
    *,
    flow_id: UUID | None = None,
    flow_name: str | None = None,
    execution_id: UUID | None = None,
    fields: Mapping[str, Any],
) -> FlowExecution:
    """A new execution of a flow; with an `execution_id` that exists already, that execution as it is.

    A `flow_name` that is new makes the flow too. Raises NotFound for an unknown flow without a name, Conflict if the
    name or the execution belongs to another flow, or if the execution was deleted.
    """
    with in_organization(organization_id):
        flow = _flow(organization_id, flow_id, flow_name)
        now = database_now()
        execution, created = FlowExecution.objects.get_or_create(
            organization_id=organization_id,
            id=execution_id or uuid7(),
            defaults={**fields, "flow": flow, "created_at": now, "updated_at": now, "modified_by": actor.label},
        )
        if created:
            _record(EventType.FLOW_EXECUTION_CREATED, execution, actor)
        if execution.flow_id != flow.id:
            raise Conflict("A flow execution with this id belongs to another flow")
        if execution.status == FlowExecutionStatus.DELETED:
            raise Conflict("The flow execution with this id was deleted")
    return execution


def _flow(organization_id: UUID, flow_id: UUID | None, name: str | None) -> Flow:
    flows = Flow.objects.in_organization(organization_id)
    flow: Flow | None = flows.filter(id=flow_id).first() if flow_id else None
    if flow is None and name is not None:
        flow, _ = Flow.objects.get_or_create(
            organization_id=organization_id, name=name, defaults={"id": flow_id or uuid7()}
        )
        if flow_id not in (None, flow.id):
            raise Conflict("A flow of this name exists under another id")
    if flow is None:
        raise NotFound("Flow not found; name it in flow_name if it is new")
    return flow


def set_flow_execution_status(
    organization_id: UUID, actor: Actor, execution_id: UUID, status: FlowExecutionStatus
) -> FlowExecution:
    """Raises NotFound. The same status again changes nothing."""
    with in_organization(organization_id):
        execution = _locked_flow_execution(organization_id, execution_id)
        if execution.status != status:
            _change_status(execution, actor, status)
    return execution


def delete_flow_execution(organization_id: UUID, actor: Actor, execution_id: UUID) -> None:
    """Hide a flow execution and its tags. Raises NotFound if it never was; one deleted already stays so."""
    with in_organization(organization_id):
        execution = _locked_flow_execution(organization_id, execution_id, deleted_too=True)
        if execution.status != FlowExecutionStatus.DELETED:
            _change_status(execution, actor, FlowExecutionStatus.DELETED)


def _locked_flow_execution(organization_id: UUID, execution_id: UUID, deleted_too: bool = False) -> FlowExecution:
    executions = FlowExecution.objects.in_organization(organization_id)
    found = executions if deleted_too else executions.not_deleted()
    execution: FlowExecution | None = found.select_for_update(no_key=True).filter(id=execution_id).first()
    if execution is None:
        raise NotFound(gettext("Flow execution not found"))
    return execution


def _change_status(execution: FlowExecution, actor: Actor, status: FlowExecutionStatus) -> None:
    """Caller must hold the execution's row."""
    execution.change(status=status, updated_at=database_now(), modified_by=actor.label)
    deleted = status == FlowExecutionStatus.DELETED
    _record(EventType.FLOW_EXECUTION_DELETED if deleted else EventType.FLOW_EXECUTION_UPDATED, execution, actor)


def _record(event_type: EventType, execution: FlowExecution, actor: Actor) -> None:
    data = {
        "id": str(execution.id),
        "flow_id": str(execution.flow_id),
        "flow_version": execution.flow_version,
        "status": str(execution.status),
        "created_at": execution.created_at.isoformat(),
        "updated_at": execution.updated_at.isoformat(),
        "modified_by": execution.modified_by,
    }
    event = stream.NewEvent(event_type, execution.id, "", data)
    stream.append(execution.organization_id, [event], actor, execution.updated_at.isoformat())

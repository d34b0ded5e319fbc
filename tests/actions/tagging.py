"""How the tests of the engine say what they do to tags, and look at what is stored."""

import json as standard_json
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.models import Actor, Event, FlowExecution, TaskTag
from tests.cast import Tenant

ADD, REMOVE = OperationKind.ADD, OperationKind.REMOVE
ADDED, ALREADY_EXISTS, REMOVED, NOT_FOUND = Outcome


def apply(tenant: Tenant, *operations: Operation, actor: Actor | None = None) -> list[Outcome]:
    return apply_batch(operations, actor or tenant.actor, tenant.id)


def add(execution: FlowExecution | UUID, **fields: Any) -> Operation:
    return _operation(ADD, execution, **fields)


def remove(execution: FlowExecution | UUID, **fields: Any) -> Operation:
    return _operation(REMOVE, execution, **fields)


def _operation(
    kind: OperationKind,
    execution: FlowExecution | UUID,
    task_name: str = "extract",
    tag: str = "approved",
    tag_type: str = "review",
    json: str | None = None,
) -> Operation:
    """`json` is the metadata as the text that a client sends."""
    names = (execution if isinstance(execution, UUID) else execution.id, task_name, tag, tag_type)
    return Operation(kind, *names) if json is None else Operation(kind, *names, exact_json.loads(json))


def exact(text: str) -> Any:
    """A JSON value with its numbers as Decimals, read by nothing of ours."""
    return standard_json.loads(text, parse_int=Decimal, parse_float=Decimal)


class TaskTagsApi:
    """GET /api/task-tags for a flow execution."""

    def __init__(self, tenant: Tenant, execution: FlowExecution) -> None:
        self.api, self.execution = tenant.api(), execution

    def get(self) -> Any:
        return exact(self.api.get("/api/task-tags", flow_execution_id=self.execution.id).content.decode())


def all_tags(tenant: Tenant) -> list[TaskTag]:
    """Deleted ones too, in the order in which they were added."""
    with in_organization(tenant.id):
        return list(TaskTag.all_objects.order_by("id"))


def tag_events(tenant: Tenant) -> list[Event]:
    with in_organization(tenant.id):
        return list(Event.objects.filter(type__startswith="task_tag.").order_by("position"))


def fields(record: TaskTag | Event) -> dict[str, Any]:
    return {field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}


def stored(tenant: Tenant) -> Any:
    """All that a batch could change."""
    with in_organization(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT position FROM event_stream WHERE organization_id = %s", [tenant.id])
        counter = cursor.fetchone()
        records = [*TaskTag.all_objects.order_by("id"), *Event.objects.order_by("position")]
        return counter, [fields(record) for record in records]

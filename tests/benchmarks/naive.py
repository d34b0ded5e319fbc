"""The baseline: what one writes first with Django's ORM, each operation for itself, in one transaction."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.models import Actor, Event, EventStream, EventType, FlowExecution, TaskExecution, TaskTag
from tags.models.ids import uuid7


def patch(body: bytes, organization_id: UUID, actor: Actor) -> list[str]:
    """The statuses of a batch that only adds."""
    batch_id = uuid7()
    with in_organization(organization_id):
        return [_add(operation, organization_id, actor, batch_id) for operation in exact_json.loads(body)["tags"]]


def _add(operation: dict[str, Any], organization_id: UUID, actor: Actor, batch_id: UUID) -> str:
    execution = FlowExecution.objects.get(organization_id=organization_id, id=operation["flow_execution_id"])
    TaskExecution.objects.get(flow_execution=execution, task_name=operation["task_name"], task_execution_idx=0)
    tag, created = TaskTag.objects.get_or_create(
        organization_id=organization_id,
        flow_execution=execution,
        task_name=operation["task_name"],
        tag=operation["tag"],
        tag_type=operation["tag_type"],
        metadata_digest=exact_json.canonical_digest(operation["tag_metadata"]),
        status="active",
        defaults={
            "tag_metadata": operation["tag_metadata"],
            "created_at": timezone.now(),
            "modified_by": actor.label,
        },
    )
    if created:
        _record(tag, actor, batch_id)
    return "added" if created else "already_exists"


def _record(tag: TaskTag, actor: Actor, batch_id: UUID) -> None:
    stream = EventStream.objects.select_for_update().get(organization_id=tag.organization_id)
    stream.position += 1
    stream.save(update_fields=["position"])
    Event.objects.create(
        organization_id=tag.organization_id,
        position=stream.position,
        type=EventType.TASK_TAG_ADDED,
        flow_execution=tag.flow_execution,
        task_name=tag.task_name,
        actor=str(actor),
        time=tag.created_at,
        request_id=actor.request_id,
        batch_id=batch_id,
        data=_data(tag),
    )


def _data(tag: TaskTag) -> dict[str, Any]:
    return {
        "id": str(tag.id),
        "flow_execution_id": str(tag.flow_execution_id),
        "organization_id": str(tag.organization_id),
        "task_name": tag.task_name,
        "tag": tag.tag,
        "tag_type": tag.tag_type,
        "tag_metadata": tag.tag_metadata,
        "status": tag.status,
        "created_at": tag.created_at.isoformat(),
        "updated_at": None,
        "modified_by": tag.modified_by,
    }

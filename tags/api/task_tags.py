"""PATCH and GET /api/task-tags."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpResponse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tags.actions.batch import MAX_OPERATIONS, Operation, OperationKind, apply_batch
from tags.api.authentication import caller_of
from tags.api.json_rows import json_array, json_response
from tags.api.validation import TagName, TagType, TaskName, Wire, validated, validated_query
from tags.db.rows import stream_sql
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import FlowExecution, Permission

# A tag as the contract shows it.
TASK_TAG_JSON = """
    json_build_object(
        'id', task_tag.id, 'flow_execution_id', task_tag.flow_execution_id, 'organization_id', task_tag.organization_id,
        'task_name', task_tag.task_name, 'tag', task_tag.tag, 'tag_type', task_tag.tag_type,
        'tag_metadata', task_tag.tag_metadata, 'status', task_tag.status, 'created_at', task_tag.created_at,
        'updated_at', task_tag.updated_at, 'modified_by', task_tag.modified_by
    )
"""

_ACTIVE_TAGS = f"""
    SELECT {TASK_TAG_JSON}::text FROM task_tag
    WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s AND status = 'active'
      AND (%(task_name)s::text IS NULL OR task_name = %(task_name)s)
    ORDER BY created_at, id
"""


class TagOperation(Wire):
    operation: Literal["add", "remove"]
    flow_execution_id: UUID
    task_name: TaskName
    tag: TagName
    tag_type: TagType
    tag_metadata: Any = None


class TagBatch(Wire):
    tags: Annotated[list[TagOperation], Field(min_length=1, max_length=MAX_OPERATIONS)]


class TagQuery(Wire):
    flow_execution_id: UUID
    task_name: TaskName | None = None


class TaskTagsView(APIView):
    permissions = {"GET": Permission.READ, "PATCH": Permission.TAG}

    def patch(self, request: Request) -> Response:
        caller = caller_of(request)
        batch = validated(TagBatch, request.data)
        operations = [_operation(tag) for tag in batch.tags]
        outcomes = apply_batch(operations, caller.actor, caller.organization_id)
        return Response({"tags": [{"status": outcome.value} for outcome in outcomes]})

    def get(self, request: Request) -> HttpResponse | FileResponse:
        organization_id = caller_of(request).organization_id
        query = validated_query(TagQuery, request.query_params)
        with in_organization(organization_id):
            executions = FlowExecution.objects.in_organization(organization_id).not_deleted()
            if not executions.filter(id=query.flow_execution_id).exists():
                raise NotFound("Flow execution not found")
            parameters = {"organization_id": organization_id, **query.model_dump()}
            rows = stream_sql(_ACTIVE_TAGS, parameters)
            return json_response(json_array(rows))


def _operation(wire: TagOperation) -> Operation:
    return Operation(
        OperationKind(wire.operation),
        wire.flow_execution_id,
        wire.task_name,
        wire.tag,
        wire.tag_type,
        wire.tag_metadata,
    )

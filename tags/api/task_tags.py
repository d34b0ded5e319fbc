"""PATCH and GET /api/task-tags, and the wait for one."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import AwareDatetime, BaseModel, Field, RootModel
from rest_framework.request import Request

from tags.actions.batch import MAX_OPERATIONS, Operation, OperationKind, Outcome, apply_batch
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.json_rows import json_array, json_response, with_stream_position
from tags.api.schema import STREAM_POSITION, query_parameters
from tags.api.validation import TagName, TagType, TaskName, Wire, validated, validated_query
from tags.db import exact_json
from tags.db.rows import stream_sql
from tags.db.tenancy import in_organization, reading_organization, run
from tags.errors import NotFound
from tags.events.reading import Selection
from tags.events.waiting import Wait, ask_for_wait
from tags.models import EventType, Permission

# A tag as the contract shows it.
TASK_TAG_JSON = """
    json_build_object(
        'id', task_tag.id, 'flow_execution_id', task_tag.flow_execution_id, 'organization_id', task_tag.organization_id,
        'task_name', task_tag.task_name, 'tag', task_tag.tag, 'tag_type', task_tag.tag_type,
        'tag_metadata', task_tag.tag_metadata, 'status', task_tag.status, 'created_at', task_tag.created_at,
        'updated_at', task_tag.updated_at, 'modified_by', task_tag.modified_by
    )
"""


class TaskTagObject(BaseModel):
    """A tag on a task."""

    id: UUID
    flow_execution_id: UUID
    organization_id: UUID
    task_name: str
    tag: str
    tag_type: str
    tag_metadata: Any = Field(description="Any JSON value, or null")
    status: Literal["active"]
    created_at: AwareDatetime
    updated_at: AwareDatetime | None
    modified_by: str = Field(description="A user's UUID, `system`, or a service account's kind, such as `integration`")


class TaskTagList(RootModel[list[TaskTagObject]]):
    """Active tags, the oldest first."""


_ACTIVE = """
    FROM task_tag
    WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s AND status = 'active'
      AND (%(task_name)s::text IS NULL OR task_name = %(task_name)s)
"""
_ACTIVE_TAGS = f"SELECT {TASK_TAG_JSON}::text AS json {_ACTIVE} ORDER BY created_at, id"

LONGEST_WAIT = 300  # seconds

# Nearly all lists are short: those come as one text, in one round trip. A long one is only looked at there, and read
# again as a stream. The size is that of the metadata as PostgreSQL stores it, which tells it without reading it: at
# most a hundredth of what it is unpacked.
_ROWS_AT_ONCE = 1000
_STORED_BYTES_AT_ONCE = 2**16
_FIRST_TAGS = f"""
    WITH list AS (
        SELECT count(*) <= {_ROWS_AT_ONCE} AND coalesce(sum(stored_bytes), 0) <= {_STORED_BYTES_AT_ONCE} AS is_short
        FROM (SELECT pg_column_size(tag_metadata) AS stored_bytes {_ACTIVE} LIMIT {_ROWS_AT_ONCE} + 1) AS first
    )
    SELECT EXISTS (
               SELECT FROM flow_execution
               WHERE organization_id = %(organization_id)s AND id = %(flow_execution_id)s AND status <> 'deleted'
           ),
           is_short,
           (SELECT '[' || coalesce(string_agg(json, ','), '') || ']' FROM ({_ACTIVE_TAGS}) AS tags WHERE is_short),
           coalesce((SELECT max(position) FROM event_stream WHERE organization_id = %(organization_id)s), 0)
    FROM list
"""


class TagOperation(Wire):
    operation: Literal["add", "remove"]
    flow_execution_id: UUID
    task_name: TaskName
    tag: TagName
    tag_type: TagType
    tag_metadata: Any = Field(None, description="Any JSON value; absent means null. Part of the tag's identity")


class TagBatch(Wire):
    tags: Annotated[list[TagOperation], Field(min_length=1, max_length=MAX_OPERATIONS)]


class TagOutcome(BaseModel):
    status: Outcome


class TagOutcomes(BaseModel):
    """One outcome for each operation, in the request's order."""

    tags: list[TagOutcome]


class TagQuery(Wire):
    flow_execution_id: UUID
    task_name: TaskName | None = None


class WaitQuery(Wire):
    flow_execution_id: UUID
    task_name: TaskName
    tag_type: TagType
    tag: TagName | None = None
    timeout: Annotated[int, Field(ge=0, le=LONGEST_WAIT)] = Field(30, description="Seconds to wait")


# A pipeline seldom waits for more than one tag; a list of more is cut.
_MOST_AWAITED = 100
_AWAITED_TAGS = f"""
    SELECT EXISTS (
               SELECT FROM flow_execution
               WHERE organization_id = %(organization_id)s AND id = %(flow_execution_id)s AND status <> 'deleted'
           ),
           (SELECT '[' || string_agg(json, ',') || ']' FROM (
                SELECT {TASK_TAG_JSON}::text AS json FROM task_tag
                WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s
                  AND status = 'active' AND task_name = %(task_name)s AND tag_type = %(tag_type)s
                  AND (%(tag)s::text IS NULL OR tag = %(tag)s)
                ORDER BY created_at, id LIMIT {_MOST_AWAITED}
           ) AS awaited)
"""


_EXAMPLE_BATCH = {
    "tags": [
        {
            "operation": "add",
            "flow_execution_id": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11",
            "task_name": "extract_invoice",
            "tag": "approved",
            "tag_type": "review",
            "tag_metadata": {"confidence": 0.97, "reviewer": "ada"},
        },
        {
            "operation": "remove",
            "flow_execution_id": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11",
            "task_name": "extract_invoice",
            "tag": "needs_review",
            "tag_type": "review",
        },
    ]
}
_EXAMPLE_OUTCOMES = {"tags": [{"status": "added"}, {"status": "removed"}]}


class TaskTagsView(ApiView):
    permissions = {"GET": Permission.READ, "PATCH": Permission.TAG}

    @extend_schema(
        operation_id="change_task_tags",
        request=TagBatch,
        responses={200: TagOutcomes, 404: None},
        examples=[
            OpenApiExample("Approve a task and take its mark off", _EXAMPLE_BATCH, request_only=True),
            OpenApiExample("Both done", _EXAMPLE_OUTCOMES, response_only=True),
        ],
    )
    def patch(self, request: Request) -> HttpResponse:
        """Add or remove task tags in batch.

        1 to 100 operations, applied in order and in one transaction: all or nothing. Repeating a request is safe.
        """
        caller = caller_of(request)
        batch = validated(TagBatch, request.data)
        operations = [_operation(tag) for tag in batch.tags]
        outcomes = apply_batch(operations, caller.actor, caller.organization_id)
        # As the renderer would make it: the most frequent answer of all spares the way there.
        body = exact_json.dumps({"tags": [{"status": outcome.value} for outcome in outcomes]})
        return HttpResponse(body.encode(), content_type="application/json")

    @extend_schema(
        operation_id="list_task_tags",
        parameters=[*query_parameters(TagQuery), STREAM_POSITION],
        responses={200: TaskTagList, 404: None},
    )
    def get(self, request: Request) -> HttpResponse | FileResponse:
        """List the active tags of a flow execution, or of one of its tasks."""
        organization_id = caller_of(request).organization_id
        query = validated_query(TagQuery, request.query_params)
        parameters = {"organization_id": organization_id, **vars(query)}
        with reading_organization(organization_id):
            reading = run(_FIRST_TAGS, parameters)
        [(exists, is_short, tags, position)] = reading
        if not exists:
            raise NotFound("Flow execution not found")
        if is_short:
            return with_stream_position(HttpResponse(tags.encode(), content_type="application/json"), position)
        with in_organization(organization_id):
            return with_stream_position(json_response(json_array(stream_sql(_ACTIVE_TAGS, parameters))), position)


class TaskTagsWaitView(ApiView):
    permissions = {"GET": Permission.READ}

    @extend_schema(
        operation_id="wait_for_task_tag",
        parameters=query_parameters(WaitQuery),
        responses={200: TaskTagList, 204: None, 404: None},
    )
    def get(self, request: Request) -> HttpResponse:
        """Wait until a task carries an active tag of that type.

        Answers with those tags as soon as there is one, or with 204 when the time is over. The task need not exist yet.
        """
        organization_id = caller_of(request).organization_id
        query = validated_query(WaitQuery, request.query_params)
        with reading_organization(organization_id):
            reading = run(_AWAITED_TAGS, {"organization_id": organization_id, **vars(query)})
        [(exists, tags)] = reading
        if not exists:
            raise NotFound("Flow execution not found")
        if tags is not None:
            return HttpResponse(tags, content_type="application/json")
        ask_for_wait(request, Wait(organization_id, _answering(query), query.timeout))
        return HttpResponse(status=204)


def _answering(query: WaitQuery) -> list[Selection]:
    """The events after which the answer is another one."""
    execution_id = str(query.flow_execution_id)
    return [
        Selection(execution_id, query.task_name, [EventType.TASK_TAG_ADDED.value], query.tag_type),
        Selection(execution_id, types=[EventType.FLOW_EXECUTION_DELETED.value]),
    ]


_KINDS = {kind.value: kind for kind in OperationKind}


def _operation(wire: TagOperation) -> Operation:
    return Operation(
        _KINDS[wire.operation],
        wire.flow_execution_id,
        wire.task_name,
        wire.tag,
        wire.tag_type,
        wire.tag_metadata,
    )

"""/api/task-executions: each run of each task."""

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Q, QuerySet
from django.http import FileResponse, HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import AwareDatetime, BaseModel, Field
from rest_framework.request import Request

from tags.actions import task_executions
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.json_rows import json_response, with_stream_position
from tags.api.schema import STREAM_POSITION, query_parameters
from tags.api.task_tags import TASK_TAG_JSON, TaskTagObject
from tags.api.validation import TagName, TagType, TaskName, Time, Wire, validated, validated_query
from tags.db.rows import as_column, stream_queryset
from tags.db.tenancy import in_organization
from tags.errors import Invalid, NotFound, detail
from tags.events.reading import current_position
from tags.models import EditedStatus, Permission, ProcessingStatus, StaleStatus, TaskExecution, TaskTag

MOST_ROWS = 1000
_WITHOUT_LIMIT = {True: MOST_ROWS, False: 100}
"""Rows of a list without `limit`: of one flow execution, or of the whole organization."""

_COLUMNS = """
        'id', task_execution.id, 'flow_execution_id', task_execution.flow_execution_id,
        'organization_id', task_execution.organization_id, 'task_name', task_execution.task_name,
        'task_execution_idx', task_execution.task_execution_idx,
        'processing_status', task_execution.processing_status, 'edited_status', task_execution.edited_status,
        'stale_status', task_execution.stale_status, 'input', task_execution.input, 'output', task_execution.output,
        'error', task_execution.error, 'source_task_executions', task_execution.source_task_executions,
        'started_at', task_execution.started_at, 'completed_at', task_execution.completed_at,
        'created_at', task_execution.created_at, 'updated_at', task_execution.updated_at,
        'modified_by', task_execution.modified_by, 'credits', task_execution.credits
"""
# A task execution as the contract shows it, and the same with the active tags of its task.
TASK_EXECUTION_JSON = f"json_build_object({_COLUMNS})::text"
WITH_TAGS_JSON = f"""
    json_build_object({_COLUMNS}, 'tags', (
        SELECT coalesce(json_agg({TASK_TAG_JSON} ORDER BY task_tag.created_at, task_tag.id), '[]'::json)
        FROM task_tag
        WHERE task_tag.organization_id = task_execution.organization_id
          AND task_tag.flow_execution_id = task_execution.flow_execution_id
          AND task_tag.task_name = task_execution.task_name AND task_tag.status = 'active'
    ))::text
"""


class TaskExecutionObject(BaseModel):
    """One run of a task inside a flow execution."""

    id: UUID
    flow_execution_id: UUID
    organization_id: UUID
    task_name: str
    task_execution_idx: int = Field(ge=0)
    processing_status: ProcessingStatus
    edited_status: EditedStatus
    stale_status: StaleStatus
    input: Any
    output: Any
    error: Any
    source_task_executions: Any
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime | None
    modified_by: str
    credits: int | None


class TaggedTaskExecutionObject(TaskExecutionObject):
    """A run of a task with the active tags of its task."""

    tags: list[TaskTagObject]


class TaskExecutionPage(BaseModel):
    """The newest first."""

    task_executions: list[TaggedTaskExecutionObject]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


Index = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]


class TaskExecutionFields(Wire):
    """What may change of a task execution."""

    edited_status: EditedStatus | None = None
    stale_status: StaleStatus | None = None
    input: Any = None
    output: Any = None
    error: Any = None
    source_task_executions: Any = None
    started_at: Time | None = None
    completed_at: Time | None = None
    credits: Annotated[int, Field(ge=-(2**31), le=2**31 - 1, strict=True)] | None = None


class ReportedTaskExecution(TaskExecutionFields):
    flow_execution_id: UUID
    task_name: TaskName
    task_execution_idx: Index
    processing_status: ProcessingStatus


class CorrectedTaskExecution(TaskExecutionFields):
    """The record as it should be; what is absent stays as it is."""

    id: UUID
    processing_status: ProcessingStatus | None = None
    flow_execution_id: UUID | None = None
    task_name: TaskName | None = None
    task_execution_idx: Index | None = None
    updated_at: Time | None = None


_CHANGEABLE = {*TaskExecutionFields.model_fields, "processing_status"}
_STATUSES = {"processing_status", "edited_status", "stale_status"}
_SEEN = {"flow_execution_id", "task_name", "task_execution_idx", "updated_at"}


class CorrectionQuery(Wire):
    execute_flow: bool = False


class TaskExecutionQuery(Wire):
    flow_execution_id: UUID | None = None
    task_name: TaskName | None = None
    task_execution_idx: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    processing_status: ProcessingStatus | None = None
    tag: TagName | None = None
    tag_type: TagType | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = None
    cursor: str | None = None

    @property
    def most(self) -> int:
        return self.limit or _WITHOUT_LIMIT[self.flow_execution_id is not None]


_EXAMPLE_REPORT = {
    "flow_execution_id": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11",
    "task_name": "extract_invoice",
    "task_execution_idx": 0,
    "processing_status": "completed",
    "output": {"total": 1280.5, "currency": "EUR"},
    "started_at": "2026-01-31T09:00:00Z",
    "completed_at": "2026-01-31T09:00:04Z",
    "credits": 3,
}
_EXAMPLE_CORRECTION = {
    "id": "0199f3a1-02c4-7b1a-8f67-6f3b5a1d9c20",
    "output": {"total": 1208.5, "currency": "EUR"},
    "updated_at": "2026-01-31T09:00:05.120000+00:00",
}


class TaskExecutionsView(ApiView):
    permissions = {"GET": Permission.READ, "POST": Permission.INGEST, "PUT": Permission.CORRECT}
    max_body = settings.MAX_BODY_TASK_EXECUTIONS

    @extend_schema(
        operation_id="report_task_execution",
        request=ReportedTaskExecution,
        responses={201: TaskExecutionObject, 404: None},
        examples=[OpenApiExample("A completed run", _EXAMPLE_REPORT, request_only=True)],
    )
    def post(self, request: Request) -> HttpResponse:
        """Report a run of a task; the same three-part key again updates the record."""
        caller = caller_of(request)
        report = validated(ReportedTaskExecution, request.data)
        record = task_executions.report_task_execution(
            caller.organization_id,
            caller.actor,
            flow_execution_id=report.flow_execution_id,
            task_name=report.task_name,
            idx=report.task_execution_idx,
            fields=_sent(report, _CHANGEABLE),
        )
        return _record(caller.organization_id, record.id, status=201)

    @extend_schema(
        operation_id="correct_task_execution",
        parameters=query_parameters(CorrectionQuery),
        request=CorrectedTaskExecution,
        responses={200: TaskExecutionObject, 404: None, 409: None},
        examples=[OpenApiExample("Correct an output", _EXAMPLE_CORRECTION, request_only=True)],
    )
    def put(self, request: Request) -> HttpResponse:
        """Correct a record; an `updated_at` that is not the stored one is a conflict."""
        caller = caller_of(request)
        correction = validated(CorrectedTaskExecution, request.data)
        query = validated_query(CorrectionQuery, request.query_params)
        record = task_executions.correct_task_execution(
            caller.organization_id,
            caller.actor,
            correction.id,
            _sent(correction, _CHANGEABLE),
            seen=_sent(correction, _SEEN),
            execute_flow=query.execute_flow,
        )
        return _record(caller.organization_id, record.id)

    @extend_schema(
        operation_id="list_task_executions",
        parameters=[*query_parameters(TaskExecutionQuery), STREAM_POSITION],
        responses={200: TaskExecutionPage},
    )
    def get(self, request: Request) -> HttpResponse | FileResponse:
        """The newest first, each with the active tags of its task."""
        organization_id = caller_of(request).organization_id
        query = validated_query(TaskExecutionQuery, request.query_params)
        with in_organization(organization_id):
            position = current_position(organization_id)  # first: what is then read is not older
            return with_stream_position(json_response(_page(_matching(organization_id, query), query.most)), position)


class TaskExecutionView(ApiView):
    permissions = {"GET": Permission.READ}

    @extend_schema(operation_id="get_task_execution", responses={200: TaskExecutionObject})
    def get(self, request: Request, record_id: UUID) -> HttpResponse:
        """One run of a task."""
        return _record(caller_of(request).organization_id, record_id)


def _sent(shape: Wire, names: set[str]) -> dict[str, Any]:
    """The fields that the request named; null says nothing of a status."""
    sent = {name: getattr(shape, name) for name in names & shape.model_fields_set}
    return {name: value for name, value in sent.items() if value is not None or name not in _STATUSES}


def _matching(organization_id: UUID, query: TaskExecutionQuery) -> "QuerySet[Any]":
    records = TaskExecution.objects.in_organization(organization_id).of_live_executions()
    exact = query.model_dump(
        include={"flow_execution_id", "task_name", "task_execution_idx", "processing_status"}, exclude_none=True
    )
    records = records.filter(**exact)
    tag = query.model_dump(include={"tag", "tag_type"}, exclude_none=True)
    if tag:
        carrying = TaskTag.objects.of_outer(flow_execution_id="flow_execution_id", task_name="task_name")
        records = records.filter(Exists(carrying.filter(**tag)))
    if query.cursor is not None:
        created_at, record_id = _read_cursor(query.cursor)
        records = records.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=record_id))
    return records.order_by("-created_at", "-id")


def _page(records: "QuerySet[Any]", most: int) -> Iterator[str]:
    """The list, and `next_cursor` if there is more: one row beyond the page is asked for, to know."""
    rows = stream_queryset(records.values_list(as_column(WITH_TAGS_JSON), "created_at", "id")[: most + 1])
    yield '{"task_executions":['
    next_cursor = "null"
    last: tuple[datetime, UUID] | None = None
    for ordinal, (text, created_at, record_id) in enumerate(rows):
        if ordinal < most:
            yield f",{text}" if ordinal else text
            last = created_at, record_id
        elif last is not None:
            next_cursor = f'"{_cursor(*last)}"'
    yield f'],"next_cursor":{next_cursor}}}'


def _cursor(created_at: datetime, record_id: UUID) -> str:
    return base64.urlsafe_b64encode(f"{created_at.isoformat()}|{record_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, record_id = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        return datetime.fromisoformat(created_at).astimezone(UTC), UUID(record_id)
    except (ValueError, OverflowError, binascii.Error) as error:
        message = "Not a cursor of this list"
        raise Invalid(message, [detail(("query", "cursor"), message, "cursor")]) from error


def _record(organization_id: UUID, record_id: UUID, status: int = 200) -> HttpResponse:
    with in_organization(organization_id):
        records = TaskExecution.objects.in_organization(organization_id).of_live_executions().filter(id=record_id)
        found = records.values_list(as_column(TASK_EXECUTION_JSON)).first()
    if found is None:
        raise NotFound("Task execution not found")
    return HttpResponse(found[0], content_type="application/json", status=status)

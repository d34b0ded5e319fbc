"""/api/flow-executions: the runs of flows."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import Exists, Q, QuerySet
from django.http import FileResponse, HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError
from rest_framework.request import Request
from rest_framework.response import Response

from tags.actions import flow_executions
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.json_rows import json_array, json_response
from tags.api.schema import query_parameters
from tags.api.validation import TagFilter, Time, Wire, validated, validated_query
from tags.db.rows import as_column, stream_queryset
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import FlowExecution, FlowExecutionStatus, Permission, TaskTag
from tags.models.execution import FLOW_NAME_LENGTH

# A flow execution as the contract shows it.
FLOW_EXECUTION_JSON = """
    json_build_object(
        'id', flow_execution.id, 'flow_id', flow_execution.flow_id, 'organization_id', flow_execution.organization_id,
        'flow_version', flow_execution.flow_version, 'status', flow_execution.status, 'input', flow_execution.input,
        'created_at', flow_execution.created_at, 'updated_at', flow_execution.updated_at,
        'modified_by', flow_execution.modified_by
    )::text
"""


class FlowExecutionObject(BaseModel):
    """One run of a flow."""

    id: UUID
    flow_id: UUID
    organization_id: UUID
    flow_version: int
    status: FlowExecutionStatus
    input: dict[str, Any]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    modified_by: str


class FlowExecutionList(RootModel[list[FlowExecutionObject]]):
    """One page; the newest created first unless another order was asked for."""


class NewFlowExecution(Wire):
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["flow_id"]}, {"required": ["flow_name"]}]})

    id: UUID | None = None
    flow_id: UUID | None = None
    flow_name: Annotated[str, Field(min_length=1, max_length=FLOW_NAME_LENGTH)] | None = None
    flow_version: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] = 1
    status: FlowExecutionStatus = FlowExecutionStatus.QUEUED
    input: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def names_a_flow(self) -> "NewFlowExecution":
        if self.flow_id is None and self.flow_name is None:
            raise PydanticCustomError("missing", "flow_id or flow_name is required")
        return self


class FlowExecutionQuery(Wire):
    flow_id: UUID
    status: list[FlowExecutionStatus] = []
    status_exclude: list[FlowExecutionStatus] = []
    tags: Annotated[list[TagFilter], Field(max_length=100)] = []
    created_after: Time | None = None
    created_before: Time | None = None
    updated_after: Time | None = None
    updated_before: Time | None = None
    sort_field: Literal["created_at", "updated_at"] = "created_at"
    sort_direction: Literal["asc", "desc"] = "desc"
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=1000)] = 10
    start_from_execution_id: UUID | None = None


class StatusQuery(Wire):
    status: FlowExecutionStatus


_TOTAL = OpenApiParameter(
    "X-Total-Count",
    {"type": "integer", "minimum": 0},
    OpenApiParameter.HEADER,
    required=True,
    description="How many match, on all pages together",
    response=[200],
)
_EXAMPLE_EXECUTION = {
    "id": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11",
    "flow_name": "invoices",
    "input": {"folder": "2026-01"},
}


class FlowExecutionsView(ApiView):
    permissions = {"GET": Permission.READ, "POST": Permission.INGEST}

    @extend_schema(
        operation_id="create_flow_execution",
        request=NewFlowExecution,
        responses={201: FlowExecutionObject, 404: None, 409: None},
        examples=[OpenApiExample("An execution with an id of the caller's", _EXAMPLE_EXECUTION, request_only=True)],
    )
    def post(self, request: Request) -> HttpResponse:
        """Create an execution; an `id` of the caller's choosing makes it safe to repeat."""
        caller = caller_of(request)
        new = validated(NewFlowExecution, request.data)
        execution = flow_executions.create_flow_execution(
            caller.organization_id,
            caller.actor,
            flow_id=new.flow_id,
            flow_name=new.flow_name,
            execution_id=new.id,
            fields=new.model_dump(include={"flow_version", "status", "input"}),
        )
        return _record(caller.organization_id, execution.id, status=201)

    @extend_schema(
        operation_id="list_flow_executions",
        parameters=[*query_parameters(FlowExecutionQuery), _TOTAL],
        responses={200: FlowExecutionList, 404: None},
    )
    def get(self, request: Request) -> HttpResponse | FileResponse:
        """A page of the executions of a flow; `X-Total-Count` tells how many match."""
        organization_id = caller_of(request).organization_id
        query = validated_query(FlowExecutionQuery, request.query_params)
        with in_organization(organization_id):
            matching = _matching(organization_id, query)
            total = matching.count()
            response = json_response(json_array(stream_queryset(_as_json(_page(matching, query)))))
        response["X-Total-Count"] = str(total)
        return response


class FlowExecutionView(ApiView):
    permissions = {"GET": Permission.READ, "DELETE": Permission.INGEST}

    @extend_schema(operation_id="get_flow_execution", responses={200: FlowExecutionObject})
    def get(self, request: Request, execution_id: UUID) -> HttpResponse:
        """One run of a flow."""
        return _record(caller_of(request).organization_id, execution_id)

    @extend_schema(operation_id="delete_flow_execution", responses={204: None})
    def delete(self, request: Request, execution_id: UUID) -> Response:
        """Hide the execution and its tags."""
        caller = caller_of(request)
        flow_executions.delete_flow_execution(caller.organization_id, caller.actor, execution_id)
        return Response(status=204)


class FlowExecutionStatusView(ApiView):
    permissions = {"PATCH": Permission.INGEST}

    @extend_schema(
        operation_id="set_flow_execution_status",
        parameters=query_parameters(StatusQuery),
        request=None,
        responses={200: FlowExecutionObject},
    )
    def patch(self, request: Request, execution_id: UUID) -> HttpResponse:
        """Change the status of a flow execution."""
        caller = caller_of(request)
        query = validated_query(StatusQuery, request.query_params)
        flow_executions.set_flow_execution_status(caller.organization_id, caller.actor, execution_id, query.status)
        return _record(caller.organization_id, execution_id, deleted_too=True)


def _matching(organization_id: UUID, query: FlowExecutionQuery) -> "QuerySet[Any]":
    executions = FlowExecution.objects.in_organization(organization_id).filter(flow_id=query.flow_id)
    # A deleted execution is seen only by who asks for deleted ones.
    executions = executions.filter(status__in=query.status) if query.status else executions.not_deleted()
    if query.tags:
        carrying = TaskTag.objects.of_outer(flow_execution_id="id").any_of(
            wanted for text in query.tags for wanted in _readings(text)
        )
        executions = executions.filter(Exists(carrying))
    bounds = {
        "created_at__gt": query.created_after,
        "created_at__lt": query.created_before,
        "updated_at__gt": query.updated_after,
        "updated_at__lt": query.updated_before,
    }
    executions = executions.filter(**{name: bound for name, bound in bounds.items() if bound is not None})
    return executions.exclude(status__in=query.status_exclude)


def _readings(text: str) -> list[tuple[str | None, str]]:
    """`tag` or `tag_type:tag`; a text with a colon may be meant either way."""
    tag_type, colon, tag = text.partition(":")
    return [(None, text), (tag_type, tag)] if colon else [(None, text)]


def _page(executions: "QuerySet[Any]", query: FlowExecutionQuery) -> "QuerySet[Any]":
    field, descending = query.sort_field, query.sort_direction == "desc"
    if query.start_from_execution_id:
        executions = executions.filter(_from(executions, query.start_from_execution_id, field, descending))
    start = (query.page - 1) * query.page_size
    order = [f"-{field}", "-id"] if descending else [field, "id"]
    return executions.order_by(*order)[start : start + query.page_size]


def _from(executions: "QuerySet[Any]", first_id: UUID, field: str, descending: bool) -> Q:
    """From this execution on in the sort order, itself included. Raises NotFound if it is not in the list."""
    first = executions.filter(id=first_id).values_list(field, flat=True).first()
    if first is None:
        raise NotFound("Flow execution not found")
    further, same = ("lt", "lte") if descending else ("gt", "gte")
    return Q(**{f"{field}__{further}": first}) | Q(**{field: first, f"id__{same}": first_id})


def _record(organization_id: UUID, execution_id: UUID, status: int = 200, deleted_too: bool = False) -> HttpResponse:
    with in_organization(organization_id):
        executions = FlowExecution.objects.in_organization(organization_id).filter(id=execution_id)
        found = _as_json(executions if deleted_too else executions.not_deleted()).first()
    if found is None:
        raise NotFound("Flow execution not found")
    return HttpResponse(found[0], content_type="application/json", status=status)


def _as_json(executions: "QuerySet[Any]") -> "QuerySet[Any, Any]":
    return executions.values_list(as_column(FLOW_EXECUTION_JSON))

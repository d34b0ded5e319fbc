"""GET /api/events: the organization's stream, for programs that poll."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BaseModel, Field
from rest_framework.request import Request
from rest_framework.views import APIView

from tags.api.authentication import caller_of
from tags.api.json_rows import json_response
from tags.api.schema import query_parameters
from tags.api.validation import Wire, validated_query
from tags.db.tenancy import in_organization
from tags.events.reading import events_after
from tags.models import Permission


class EventQuery(Wire):
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class CloudEvent(BaseModel):
    """One change, as CloudEvents 1.0 has it."""

    specversion: Literal["1.0"]
    id: UUID
    source: str = Field(description="`/organizations/<id>`")
    type: str = Field(pattern=r"^tagsite\.[a-z_]+\.[a-z_]+$", examples=["tagsite.task_tag.added"])
    subject: str = Field(description="The flow execution's id; of a task's change also `/` and the task name")
    time: AwareDatetime
    sequence: str = Field(pattern=r"^\d{19}$", description="The position, as text that sorts as the number does")
    datacontenttype: Literal["application/json"]
    actor: str = Field(description="`user:<id>`, `service_account:<id>` or `system`")
    requestid: str
    batchid: UUID = Field(description="The same for all events of one transaction's change")
    data: dict[str, Any] = Field(description="The changed record, without its large values")


class EventPage(BaseModel):
    events: list[CloudEvent]
    position: int = Field(ge=0, description="What to ask `after` next")


class EventsView(APIView):
    permissions = {"GET": Permission.READ}

    @extend_schema(operation_id="list_events", parameters=query_parameters(EventQuery), responses={200: EventPage})
    def get(self, request: Request) -> HttpResponse | FileResponse:
        """The events after a position, and the position to ask after next."""
        organization_id = caller_of(request).organization_id
        query = validated_query(EventQuery, request.query_params)
        with in_organization(organization_id):
            return json_response(_page(organization_id, query))


def _page(organization_id: UUID, query: EventQuery) -> Iterator[str]:
    seen = query.after
    yield '{"events":['
    for position, event in events_after(organization_id, query.after, query.limit):
        yield f",{event}" if seen > query.after else event
        seen = position
    yield f'],"position":{seen}}}'

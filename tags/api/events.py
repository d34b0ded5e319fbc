"""GET /api/events: the organization's stream, for programs that poll; and how far it is sealed."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import FileResponse, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.json_rows import json_response
from tags.api.schema import query_parameters
from tags.api.validation import TagType, TaskName, Wire, validated_query
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.events.reading import EventTypeName, Selection, events_after, kept_positions
from tags.events.seals import SealFile, newest_seal
from tags.events.waiting import Wait, ask_for_wait
from tags.models import Permission

# How many positions one request looks at: so a filter that matches nothing costs no more than one that matches all.
MOST_LOOKED_AT = 10_000
LONGEST_WAIT = 30  # seconds


class EventQuery(Wire):
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT)] = Field(
        0, description="Seconds to wait for the next event, if there is none yet"
    )
    flow_execution_id: UUID | None = None
    task_name: TaskName | None = None
    types: list[EventTypeName] = Field([], description="Repeatable; with or without `tagsite.` before it")
    tag_type: TagType | None = None

    @property
    def selection(self) -> Selection:
        execution = None if self.flow_execution_id is None else str(self.flow_execution_id)
        types = [event_type.value for event_type in self.types] or None
        return Selection(execution, self.task_name, types, self.tag_type)


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
    position: int = Field(
        ge=0, description="What to ask `after` next. An empty page can be further on than the last: filters skip"
    )
    reset: bool = Field(description="`after` is not a position of this stream, or no longer: load the state anew")


class EventsView(ApiView):
    permissions = {"GET": Permission.READ}

    @extend_schema(operation_id="list_events", parameters=query_parameters(EventQuery), responses={200: EventPage})
    def get(self, request: Request) -> HttpResponse | FileResponse:
        """The events after a position, and the position to ask after next.

        With `wait`, an answer without events is held back until there is one, or until the time is over.
        """
        organization_id = caller_of(request).organization_id
        query = validated_query(EventQuery, request.query_params)
        with in_organization(organization_id):
            oldest, newest = kept_positions(organization_id)
            if not oldest - 1 <= query.after <= newest:
                return Response({"events": [], "position": newest, "reset": True})
            last = min(newest, query.after + MOST_LOOKED_AT)
            events = events_after(organization_id, query.after, last, query.limit, query.selection)
            first = next(events, None)
            if first is not None:
                return json_response(_page(chain([first], events), last, query.limit))
        if query.wait and last == newest:
            ask_for_wait(request, Wait(organization_id, [query.selection], query.wait))
        return json_response(_page([], last, query.limit))


def _page(events: Iterable[tuple[int, str]], last: int, limit: int) -> Iterator[str]:
    """A full page ends at its last event; any other one at `last`, however little was in it."""
    position, count = last, 0
    yield '{"events":['
    for position, event in events:  # noqa: B007  # the last one's is used below
        yield f",{event}" if count else event
        count += 1
    yield f'],"position":{position if count == limit else last},"reset":false}}'


class SealView(ApiView):
    permissions = {"GET": Permission.READ}

    @extend_schema(operation_id="get_seal", responses={200: SealFile, 404: None})
    def get(self, request: Request) -> Response:
        """The newest seal over the events: keep it elsewhere, and it shows later whether they were tampered with."""
        organization_id = caller_of(request).organization_id
        with in_organization(organization_id):
            seal = newest_seal(organization_id)
        if seal.position == 0:
            raise NotFound("Nothing is sealed yet")
        return Response(seal.model_dump(mode="json"))

"""GET /api/events: the organization's stream, for programs that poll."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from django.http import FileResponse, HttpResponse
from pydantic import Field
from rest_framework.request import Request
from rest_framework.views import APIView

from tags.api.authentication import caller_of
from tags.api.json_rows import json_response
from tags.api.validation import Wire, validated_query
from tags.db.tenancy import in_organization
from tags.events.reading import events_after
from tags.models import Permission


class EventQuery(Wire):
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class EventsView(APIView):
    permissions = {"GET": Permission.READ}

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

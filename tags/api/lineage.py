"""POST /api/v1/lineage: OpenLineage run events, as the official clients send them."""

from typing import Any, Literal

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tags.actions.observations import Observation
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.parsers import GzipJSONParser
from tags.errors import Invalid, TagsiteError, detail
from tags.ingest import openlineage
from tags.ingest.errors import Rejected
from tags.ingest.intake import Report, take
from tags.models import Permission, RejectedEvent

# Reasons listed in an answer; all of them are kept.
_MOST_LISTED = 100


class LineageSummary(BaseModel):
    received: int
    successful: int
    failed: int


class FailedEvent(BaseModel):
    index: int
    reason: str
    retriable: Literal[False]


class LineageAnswer(BaseModel):
    """As OpenLineage's own batch endpoint answers."""

    status: Literal["success", "partial_success"]
    summary: LineageSummary
    failed_events: list[FailedEvent]


_EXAMPLE_EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-01-31T09:00:04Z",
    "run": {"runId": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11"},
    "job": {"namespace": "reports", "name": "monthly_totals"},
    "producer": "https://example.com/reports",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}
_EVENT = {"type": "object", "description": "An OpenLineage event", "additionalProperties": True}
_REQUEST = {"application/json": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1}]}}


class LineageView(ApiView):
    permissions = {"POST": Permission.INGEST}
    parser_classes = [GzipJSONParser]
    max_body = settings.MAX_BODY_INGEST

    @extend_schema(
        operation_id="report_lineage",
        request=_REQUEST,
        responses={200: LineageAnswer},
        examples=[OpenApiExample("The end of a run", _EXAMPLE_EVENT, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take an OpenLineage event, or an array of them.

        Events may come late, twice and in any order. Those that cannot be taken are kept with the reason and hold up
        no others; if none can be taken, that is an error.
        """
        caller = caller_of(request)
        events: list[Any] = request.data if isinstance(request.data, list) else [request.data]
        report = take(
            caller.organization_id,
            caller.actor,
            RejectedEvent.Source.OPENLINEAGE.value,
            events,
            _observations,
            _as_json,
        )
        if report.received and not report.accepted:
            raise _nothing_taken(report)
        return Response(_answer(report))


def _observations(event: Any) -> list[Observation]:
    if isinstance(event, TagsiteError):
        raise Rejected(event.details[0]["type"] if isinstance(event.details, list) else event.code, event.message)
    return openlineage.observations(event)


def _as_json(event: Any) -> Any:
    """None of an event that is not JSON as everybody reads it, or not to be stored."""
    return None if isinstance(event, TagsiteError) else event


def _answer(report: Report) -> dict[str, Any]:
    failed = sorted(report.rejected.items())[:_MOST_LISTED]
    return {
        "status": "partial_success" if report.failed else "success",
        "summary": {"received": report.received, "successful": report.accepted, "failed": report.failed},
        "failed_events": [
            {"index": index, "reason": rejected.message, "retriable": False} for index, rejected in failed
        ],
    }


def _nothing_taken(report: Report) -> Invalid:
    failed = sorted(report.rejected.items())[:_MOST_LISTED]
    details = [detail(("body", index), rejected.message, rejected.code) for index, rejected in failed]
    return Invalid(failed[0][1].message, details)

"""POST /v1/traces: OpenTelemetry traces over OTLP/HTTP, in protobuf or JSON.

It stands outside /api/ and answers as OTLP says (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response), errors
too, because exporters take nothing but the address of the server.
"""

from functools import partial
from typing import IO, Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.error_body import as_tagsite_error, error_response
from tags.api.parsers import read_body, unpacked
from tags.errors import BadRequest
from tags.ingest import otlp, otlp_wire
from tags.ingest.errors import Rejected
from tags.ingest.intake import take
from tags.models import Permission, RejectedEvent


class ProtobufBody(BaseParser):
    """The bytes of the body, unpacked."""

    media_type = otlp_wire.PROTOBUF

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        request, limit = (parser_context or {})["request"], settings.MAX_BODY_INGEST
        return unpacked(request, read_body(request, stream, limit), limit)


class JSONBody(ProtobufBody):
    media_type = otlp_wire.JSON


@extend_schema(exclude=True)  # what is described there answers in the API's own form
class TracesView(ApiView):
    permissions = {"POST": Permission.INGEST}
    parser_classes = [ProtobufBody, JSONBody]

    def post(self, request: Request) -> HttpResponse:
        caller = caller_of(request)
        content_type = request.content_type or ""
        try:
            # An empty body is not parsed; in protobuf it is a request without spans.
            spans = otlp_wire.decode(request.data if isinstance(request.data, bytes) else b"", content_type)
        except Rejected as rejected:
            raise BadRequest(rejected.message) from rejected
        report = take(
            caller.organization_id,
            caller.actor,
            RejectedEvent.Source.OTLP.value,
            spans,
            partial(otlp.observations, which=settings.OTLP_SPANS),
            otlp_wire.to_keep,
        )
        reason = next((rejected.message for _, rejected in sorted(report.rejected.items())), "")
        answer = otlp_wire.encode_response(report.failed, reason, content_type)
        return HttpResponse(answer, content_type=_media_type(request))

    def handle_exception(self, exception: Exception) -> Any:
        known = as_tagsite_error(exception)
        media_type = _media_type(self.request)
        if known is None or media_type is None:
            return super().handle_exception(exception)
        response = error_response(known)
        response.content = otlp_wire.encode_error(known.message, media_type)
        response["Content-Type"] = media_type
        return response


def _media_type(request: Request) -> str | None:
    """The one in which the request came, and the answer goes; None for one that OTLP does not have."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    return media_type if media_type in (otlp_wire.PROTOBUF, otlp_wire.JSON) else None

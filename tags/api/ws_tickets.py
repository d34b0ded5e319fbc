"""POST /api/ws-tickets: for those who cannot set a header on a socket."""

from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tags.actions import tickets
from tags.api.authentication import SessionAuthentication, caller_of
from tags.api.base import ApiView
from tags.api.validation import Wire, validated
from tags.errors import Forbidden
from tags.models import Permission

# A shape without fields would be left out of the OpenAPI document.
_NOTHING = {"application/json": {"type": "object", "description": "Nothing is asked for; fields are ignored"}}


class CreatedWsTicket(BaseModel):
    ticket: str = Field(
        pattern=r"^tgt_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$", description="Shown here and never again; good for one socket"
    )
    expires_at: AwareDatetime


class WsTicketsView(ApiView):
    permissions = {"POST": Permission.READ}

    @extend_schema(operation_id="create_ws_ticket", request=_NOTHING, responses={201: CreatedWsTicket})
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket as the caller, for programs that cannot set its headers.

        It lives for 30 seconds and is used once. Send it to `/ws/events` as the first message.
        """
        validated(Wire, request.data)
        if isinstance(request.successful_authenticator, SessionAuthentication):
            # Its socket would outlive the session; and a page of Tagsite's own needs no ticket.
            raise Forbidden("A session listens by itself; a ticket is for API keys and bearer tokens")
        ticket, expires_at = tickets.create_ticket(caller_of(request))
        return Response({"ticket": ticket, "expires_at": expires_at.isoformat()}, status=201)

"""Tickets: whoever cannot set a header on a socket asks for one over the API and sends it as the first message."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from tags.actions.credentials import Caller, caller_of_api_key_id, caller_of_user, password_mark
from tags.db.tenancy import in_organization
from tags.errors import NotAuthenticated
from tags.models import WsTicket

_LIFETIME = timedelta(seconds=30)
# How many expired tickets a new one clears. More than one, so that what a busy hour left goes away; few, so that
# nobody's request pays for that hour. A ticket is no record of anything: who changed what is in the events.
_CLEARED = 5

# The organization stands in the text because no row shows before an organization is named; then 256 random bits.
_TEXT = re.compile(r"tgt_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")
_REFUSED = "The ticket is missing, invalid, used or expired"


@dataclass(frozen=True, slots=True)
class TicketHolder:
    """Whom a ticket was made for: a member of the organization, or an API key of it."""

    organization_id: UUID
    user_id: UUID | None
    api_key_id: UUID | None
    password_mark: str = ""

    def caller(self) -> Caller:
        """Who that is now. Raises NotAuthenticated when membership, password, key or service account has ended."""
        if self.api_key_id is not None:
            return caller_of_api_key_id(self.organization_id, self.api_key_id, "")
        assert self.user_id is not None  # noqa: S101  # the table's check: exactly one of the two
        caller = caller_of_user(self.user_id, self.organization_id, "")
        if password_mark(caller.user) != self.password_mark:
            raise NotAuthenticated(_REFUSED)
        return caller


def create_ticket(caller: Caller) -> tuple[str, datetime]:
    """A new ticket for the caller: its text, which is not kept, and when it expires."""
    text = f"tgt_{caller.organization_id.hex}_{secrets.token_urlsafe(32)}"
    now = timezone.now()
    with in_organization(caller.organization_id):
        _clear_expired(caller.organization_id, now)
        ticket: WsTicket = WsTicket.objects.create(
            organization_id=caller.organization_id,
            digest=_digest(text),
            user=caller.user,
            api_key_id=caller.api_key_id,
            expires_at=now + _LIFETIME,
        )
    return text, ticket.expires_at


def redeem_ticket(text: str) -> TicketHolder:
    """Use the ticket up. Raises NotAuthenticated, in the same words whatever is wrong with it.

    Of several who come with it at once one gets in: the others wait for that one's row and then find it used.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise NotAuthenticated(_REFUSED)
    organization_id, now = UUID(match[1]), timezone.now()
    with in_organization(organization_id):
        ticket = WsTicket.objects.in_organization(organization_id).filter(digest=_digest(text))
        if ticket.good_at(now).update(used_at=now) != 1:
            raise NotAuthenticated(_REFUSED)
        user_id, api_key_id = ticket.values_list("user_id", "api_key_id").get()
    if user_id is None:
        return TicketHolder(organization_id, None, api_key_id)
    mark = password_mark(caller_of_user(user_id, organization_id, "").user)
    return TicketHolder(organization_id, user_id, None, mark)


def _clear_expired(organization_id: UUID, now: datetime) -> None:
    """Those that somebody else is clearing are left to them: no one waits here, and no two wait for each other."""
    tickets = WsTicket.objects.in_organization(organization_id)
    expired = tickets.expired_at(now).order_by("expires_at").select_for_update(skip_locked=True)
    tickets.filter(id__in=expired.values("id")[:_CLEARED]).delete()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from tags.models.access import ApiKey, User
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet


class WsTicketQuerySet(TenantQuerySet):
    def good_at(self, time: datetime) -> Self:
        return self.filter(used_at=None, expires_at__gt=time)

    def expired_at(self, time: datetime) -> Self:
        return self.filter(expires_at__lte=time)


class WsTicket(TenantModel):
    """Opens one socket, once and within seconds, for whoever asked for it; of its text only the hash is stored."""

    digest = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True, db_index=False)
    api_key = TenantKey(ApiKey, models.PROTECT, related_name="+", null=True, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = WsTicketQuerySet.as_manager()

    class Meta:
        db_table = "ws_ticket"
        constraints = [
            # Also the index by which a socket's first message finds its ticket.
            models.UniqueConstraint("organization", "digest", name="ws_ticket_digest"),
            models.CheckConstraint(
                name="ws_ticket_of_one",
                condition=Q(user__isnull=True, api_key__isnull=False) | Q(user__isnull=False, api_key__isnull=True),
            ),
        ]
        indexes = [
            # Reader: a new ticket, which clears some expired ones.
            models.Index("organization", "expires_at", name="ws_ticket_expired"),
        ]

    def __str__(self) -> str:
        return f"ticket until {self.expires_at:%H:%M:%S}"

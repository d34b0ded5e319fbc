from django.db import models
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.ids import uuid7


def usual_waiting_tags() -> list[str]:
    return ["pending_approval", "requires_review", "requires_attention"]


class Organization(models.Model):
    """A tenant. Every other row of Tagsite's belongs to exactly one, and is seen from no other."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    # Which tags make a task wait for a person, of whatever type.
    waiting_tags = ExactJSONField(default=usual_waiting_tags)

    class Meta:
        db_table = "organization"
        verbose_name, verbose_name_plural = _("organization"), _("organizations")
        constraints = [models.CheckConstraint(name="organization_name_filled", condition=~models.Q(name=""))]

    def __str__(self) -> str:
        return self.name


class EventStream(models.Model):
    """The position of the organization's newest event; locked last in every transaction that records one."""

    organization = models.OneToOneField(Organization, models.PROTECT, primary_key=True, related_name="stream")
    position = models.BigIntegerField(default=0)

    class Meta:
        db_table = "event_stream"
        constraints = [models.CheckConstraint(name="event_stream_position", condition=models.Q(position__gte=0))]

    def __str__(self) -> str:
        return f"stream of {self.organization_id} at {self.position}"

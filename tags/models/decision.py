"""What people decided, and what each decision did, so that it can be taken back."""

from django.db import models
from django.db.models import Q

from tags.db.exact_json import ExactJSONField
from tags.models.access import User
from tags.models.tenant import TenantModel, TenantQuerySet


class DecisionKind(models.TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"
    FLAG = "flag", "Flag"
    TAG = "tag", "Change tags"
    UNDO = "undo", "Undo"


class Decision(TenantModel):
    """One batch of a reviewer's: never changed, but for being taken back.

    `changes` are the operations that changed something, in order, as `[kind, flow execution, task name, tag, tag type,
    metadata]`. Decisions made by one press of a button share their `group_id`.
    """

    group_id = models.UUIDField()
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=DecisionKind.choices)
    note = models.TextField(blank=True)
    changes = ExactJSONField(default=list)
    created_at = models.DateTimeField()
    # The group that this one takes back, or by which this one was taken back.
    undoes = models.UUIDField(null=True, blank=True)
    undone_by = models.UUIDField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "decision"
        constraints = [
            models.CheckConstraint(name="decision_kind", condition=Q(kind__in=DecisionKind.values)),
        ]
        indexes = [
            # Reader: undo, which reads the decisions of one press of a button.
            models.Index("organization", "group_id", name="decision_group"),
            # Reader: a person's last decisions, and the figures of decisions per day.
            models.Index("organization", "user", models.F("created_at").desc(), name="decision_by_user"),
            models.Index("organization", models.F("created_at").desc(), name="decision_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.user_id} at {self.created_at:%Y-%m-%d %H:%M}"

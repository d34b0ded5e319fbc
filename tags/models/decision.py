"""What people decided, and what each decision did, so that it can be taken back."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.access import User
from tags.models.execution import TASK_NAME_LENGTH, Flow, FlowExecution
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet


class DecisionKind(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Reject")
    FLAG = "flag", _("Flag")
    TAG = "tag", _("Change tags")
    UNDO = "undo", _("Undo")


class Decision(TenantModel):
    """One batch of a reviewer's: never changed, but for being taken back.

    `changes` are the operations that changed something, in order, as `[kind, flow execution, task name, tag, tag type,
    metadata]`. Decisions made by one press of a button share their `group_id`. One that changed something has the batch
    of its events, and the position of the last of them.
    """

    group_id = models.UUIDField(_("decided together"))
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(_("decision"), max_length=20, choices=DecisionKind.choices)
    note = models.TextField(_("note"), blank=True)
    changes = ExactJSONField(default=list)
    created_at = models.DateTimeField()
    batch_id = models.UUIDField(null=True, blank=True)
    position = models.BigIntegerField(null=True, blank=True)
    # The group that this one takes back, or by which this one was taken back.
    undoes = models.UUIDField(_("takes back"), null=True, blank=True)
    undone_by = models.UUIDField(_("taken back by"), null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "decision"
        verbose_name, verbose_name_plural = _("decision"), _("decisions")
        constraints = [
            models.CheckConstraint(name="decision_kind", condition=Q(kind__in=DecisionKind.values)),
        ]
        indexes = [
            # Reader: undo, which reads the decisions of one press of a button.
            models.Index("organization", "group_id", name="decision_group"),
            # Reader: a person's last decisions, and the figures of decisions per day.
            models.Index("organization", "user", models.F("created_at").desc(), name="decision_by_user"),
            models.Index("organization", models.F("created_at").desc(), name="decision_newest"),
            # Reader: the activity, which tells a decision as one line.
            models.Index("organization", "batch_id", name="decision_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.created_at:%Y-%m-%d %H:%M}"


class DecidedTask(TenantModel):
    """One task that was approved, rejected or flagged: what the figures of Insights are made of.

    `waiting_since`: when the oldest of the tags that the decision took off was put on; null if the task did not wait.
    """

    decision = TenantKey(Decision, models.PROTECT, related_name="tasks")
    kind = models.CharField(_("decision"), max_length=20, choices=DecisionKind.choices)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    flow = TenantKey(Flow, models.PROTECT, related_name="+")
    flow_execution = TenantKey(FlowExecution, models.PROTECT, related_name="+")
    task_name = models.CharField(_("task name"), max_length=TASK_NAME_LENGTH)
    decided_at = models.DateTimeField()
    waiting_since = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "decided_task"
        verbose_name, verbose_name_plural = _("decided task"), _("decided tasks")
        constraints = [
            models.CheckConstraint(
                name="decided_task_kind",
                condition=Q(kind__in=[DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.FLAG]),
            ),
        ]
        indexes = [
            # Reader: the figures of a period, which need nothing but this index.
            models.Index(
                fields=["organization", "decided_at"],
                include=["kind", "user", "flow", "task_name", "waiting_since"],
                condition=Q(undone_at=None),
                name="decided_task_figures",
            ),
            # Reader: a new decision, which asks since when a task waits whose last decision was taken back.
            models.Index(
                fields=["organization", "flow_execution", "task_name"],
                condition=Q(undone_at__isnull=False),
                name="decided_task_undone",
            ),
            # Reader: undo.
            models.Index("organization", "decision", name="decided_task_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.task_name}"

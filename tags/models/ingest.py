"""What ingest keeps for itself: which run is which task, and what could not be taken."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.execution import TASK_NAME_LENGTH, FlowExecution
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet


class ProducerRun(TenantModel):
    """A run by its producer's own id, and the task execution it is; before that is known, what waits for it.

    The row is also the lock under which the two find each other, whichever comes first.
    """

    run_id = models.UUIDField(_("id at its producer"))
    flow_execution = TenantKey(
        FlowExecution,
        models.PROTECT,
        verbose_name=_("flow execution"),
        related_name="+",
        null=True,
        blank=True,
    )
    task_name = models.CharField(max_length=TASK_NAME_LENGTH, blank=True)
    task_execution_idx = models.IntegerField(default=0)
    waiting = ExactJSONField(default=list, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "producer_run"
        verbose_name, verbose_name_plural = _("producer run"), _("producer runs")
        constraints = [
            # Also the index by which an observation finds its run.
            models.UniqueConstraint("organization", "run_id", name="producer_run_id"),
        ]

    def __str__(self) -> str:
        return str(self.run_id)


class RejectedEvent(TenantModel):
    """Something a producer sent that could not be taken, with the reason; it can be tried again."""

    class Source(models.TextChoices):
        OPENLINEAGE = "openlineage", "OpenLineage"
        OTLP = "otlp", "OpenTelemetry"

    source = models.CharField(_("source"), max_length=20, choices=Source.choices)
    code = models.CharField(_("code"), max_length=50)
    reason = models.TextField(_("reason"))
    # What was sent, as JSON; null if it was too large to keep.
    body = ExactJSONField(null=True, blank=True)
    request_id = models.CharField(_("request"), max_length=64)
    received_at = models.DateTimeField(auto_now_add=True)
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "rejected_event"
        verbose_name, verbose_name_plural = _("rejected event"), _("rejected events")
        constraints = [
            models.CheckConstraint(name="rejected_event_source", condition=Q(source__in=["openlineage", "otlp"])),
        ]
        indexes = [
            # Reader: the admin's list, newest first, and the count of those still open.
            models.Index("organization", models.F("received_at").desc(), name="rejected_event_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()}: {self.code}"

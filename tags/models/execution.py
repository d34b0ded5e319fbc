"""What the workflow engines report: flows, their executions, and each run of each task in them."""

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet

TASK_NAME_LENGTH = 200
FLOW_NAME_LENGTH = 200


class Flow(TenantModel):
    name = models.CharField(_("name"), max_length=FLOW_NAME_LENGTH, validators=[MinLengthValidator(1)])
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "flow"
        verbose_name, verbose_name_plural = _("flow"), _("flows")
        constraints = [
            # Also the index by which `flow_name` finds a flow.
            models.UniqueConstraint("organization", "name", name="flow_name"),
            models.CheckConstraint(name="flow_named", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class FlowExecutionStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    DELETED = "deleted", _("Deleted")
    STALE = "stale", _("Stale")
    EDITED = "edited", _("Edited")
    AWAITING_INPUT = "awaiting_input", _("Awaiting Input")
    CANCEL_REQUESTED = "cancel_requested", _("Cancel Requested")
    CANCELLED = "cancelled", _("Cancelled")


class FlowExecutionQuerySet(TenantQuerySet):
    def not_deleted(self) -> "FlowExecutionQuerySet":
        return self.exclude(status=FlowExecutionStatus.DELETED)


class FlowExecution(TenantModel):
    """One run of a flow. The row is also the lock under which the tags of its tasks change."""

    flow = TenantKey(Flow, models.PROTECT, related_name="executions")
    flow_version = models.IntegerField(_("version"), default=1)
    status = models.CharField(
        _("status"), max_length=20, choices=FlowExecutionStatus.choices, default=FlowExecutionStatus.QUEUED
    )
    input = ExactJSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    modified_by = models.CharField(max_length=100, default="system")
    # What counts of what producers claimed (tags/actions/ingest.py); null for one that no producer told of.
    claims = ExactJSONField(null=True, blank=True, editable=False)

    objects = FlowExecutionQuerySet.as_manager()

    class Meta:
        db_table = "flow_execution"
        verbose_name, verbose_name_plural = _("flow execution"), _("flow executions")
        constraints = [
            models.CheckConstraint(name="flow_execution_status", condition=Q(status__in=FlowExecutionStatus.values)),
            models.CheckConstraint(name="flow_execution_version", condition=Q(flow_version__gte=0)),
        ]
        indexes = [
            # Reader: GET /api/flow-executions, sorted by created_at.
            models.Index("organization", "flow", "created_at", "id", name="flow_execution_created"),
            # Reader: GET /api/flow-executions, sorted by updated_at.
            models.Index("organization", "flow", "updated_at", "id", name="flow_execution_updated"),
            # Reader: the admin's list, newest first.
            models.Index("organization", F("created_at").desc(), F("id").desc(), name="flow_execution_newest"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ProcessingStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    DELETED = "deleted", _("Deleted")
    AWAITING_INPUT = "awaiting_input", _("Awaiting Input")
    CANCEL_REQUESTED = "cancel_requested", _("Cancel Requested")
    CANCELLED = "cancelled", _("Cancelled")


class EditedStatus(models.TextChoices):
    NOT_EDITED = "not_edited", _("Not corrected")
    EDITED_NOT_REEXECUTED = "edited_not_reexecuted", _("Corrected, not run again")
    EDITED_REEXECUTED = "edited_reexecuted", _("Corrected, then run again")


class StaleStatus(models.TextChoices):
    CONSISTENT = "consistent", _("Consistent")
    STALE = "stale", _("Stale")


class TaskExecutionQuerySet(TenantQuerySet):
    def of_live_executions(self) -> "TaskExecutionQuerySet":
        """Without the tasks of deleted flow executions."""
        # Named by organization too: another one may use the same flow execution id.
        deleted = FlowExecution.objects.filter(
            organization_id=models.OuterRef("organization_id"),
            id=models.OuterRef("flow_execution_id"),
            status=FlowExecutionStatus.DELETED,
        )
        return self.exclude(models.Exists(deleted))


class TaskExecution(TenantModel):
    """One run of a task inside a flow execution; retries and loops count up `task_execution_idx`."""

    flow_execution = TenantKey(FlowExecution, models.PROTECT, related_name="task_executions")
    task_name = models.CharField(_("task name"), max_length=TASK_NAME_LENGTH, validators=[MinLengthValidator(1)])
    task_execution_idx = models.IntegerField(_("task execution idx"))
    processing_status = models.CharField(_("status"), max_length=20, choices=ProcessingStatus.choices)
    edited_status = models.CharField(max_length=30, choices=EditedStatus.choices, default=EditedStatus.NOT_EDITED)
    stale_status = models.CharField(max_length=20, choices=StaleStatus.choices, default=StaleStatus.CONSISTENT)
    input = ExactJSONField(null=True, blank=True)
    output = ExactJSONField(null=True, blank=True)
    error = ExactJSONField(null=True, blank=True)
    source_task_executions = ExactJSONField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True, blank=True)
    modified_by = models.CharField(max_length=100, default="system")
    credits = models.IntegerField(_("credits"), null=True, blank=True)
    # As FlowExecution.claims.
    claims = ExactJSONField(null=True, blank=True, editable=False)

    objects = TaskExecutionQuerySet.as_manager()

    class Meta:
        db_table = "task_execution"
        verbose_name, verbose_name_plural = _("task execution"), _("task executions")
        constraints = [
            # Also the index by which a batch finds its tasks and the API the tasks of a flow execution.
            models.UniqueConstraint(
                "organization", "flow_execution", "task_name", "task_execution_idx", name="task_execution_run"
            ),
            models.CheckConstraint(name="task_execution_named", condition=~Q(task_name="")),
            models.CheckConstraint(name="task_execution_idx", condition=Q(task_execution_idx__gte=0)),
            models.CheckConstraint(
                name="task_execution_processing_status", condition=Q(processing_status__in=ProcessingStatus.values)
            ),
            models.CheckConstraint(
                name="task_execution_edited_status", condition=Q(edited_status__in=EditedStatus.values)
            ),
            models.CheckConstraint(
                name="task_execution_stale_status", condition=Q(stale_status__in=StaleStatus.values)
            ),
        ]
        indexes = [
            # Reader: GET /api/task-executions over the whole organization, newest first.
            models.Index("organization", F("created_at").desc(), F("id").desc(), name="task_execution_newest"),
            # Reader: the same filtered by processing_status.
            models.Index(
                "organization",
                "processing_status",
                F("created_at").desc(),
                F("id").desc(),
                name="task_execution_by_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_name}[{self.task_execution_idx}]"

from collections.abc import Iterable
from typing import Any

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.execution import TASK_NAME_LENGTH, FlowExecution
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet

TAG_LENGTH = 200
TAG_TYPE_LENGTH = 100


class TagStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    DELETED = "deleted", _("Removed")


class TaskTagQuerySet(TenantQuerySet):
    def active(self) -> "TaskTagQuerySet":
        return self.filter(status=TagStatus.ACTIVE)

    def any_of(self, tags: Iterable[tuple[str | None, str]]) -> "TaskTagQuerySet":
        """Those that are one of these; each is (tag type, or None for any; tag)."""
        wanted = Q()
        for tag_type, tag in tags:
            wanted |= Q(tag=tag) if tag_type is None else Q(tag=tag, tag_type=tag_type)
        return self.filter(wanted)

    def of_outer(self, **columns: str) -> "TaskTagQuerySet":
        """For use in Exists(): on the outer row's organization and the given columns of it."""
        outer = {name: models.OuterRef(column) for name, column in columns.items()}
        return self.filter(organization_id=models.OuterRef("organization_id"), **outer)


class ActiveTagManager(models.Manager.from_queryset(TaskTagQuerySet)):  # type: ignore[misc]  # a base made by a call
    def get_queryset(self) -> Any:
        return super().get_queryset().active()


class TaskTag(TenantModel):
    """A tag on a task of a flow execution. Removing it changes its status; the row stays."""

    flow_execution = TenantKey(FlowExecution, models.PROTECT, related_name="tags")
    task_name = models.CharField(_("task name"), max_length=TASK_NAME_LENGTH, validators=[MinLengthValidator(1)])
    tag = models.CharField(_("tag"), max_length=TAG_LENGTH, validators=[MinLengthValidator(1)])
    tag_type = models.CharField(_("tag type"), max_length=TAG_TYPE_LENGTH, validators=[MinLengthValidator(1)])
    tag_metadata = ExactJSONField(null=True, blank=True)
    metadata_digest = models.BinaryField(max_length=32)
    status = models.CharField(_("status"), max_length=20, choices=TagStatus.choices, default=TagStatus.ACTIVE)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True, blank=True)
    modified_by = models.CharField(max_length=100)

    all_objects = TaskTagQuerySet.as_manager()
    objects = ActiveTagManager()

    class Meta:
        db_table = "task_tag"
        verbose_name, verbose_name_plural = _("task tag"), _("task tags")
        constraints = [
            # The last guard of a tag's identity, and the index by which the active tags of a task are read.
            models.UniqueConstraint(
                fields=["organization", "flow_execution", "task_name", "tag", "tag_type", "metadata_digest"],
                condition=Q(status=TagStatus.ACTIVE),
                name="task_tag_active_identity",
            ),
            models.CheckConstraint(name="task_tag_filled", condition=~Q(task_name="") & ~Q(tag="") & ~Q(tag_type="")),
            models.CheckConstraint(name="task_tag_status", condition=Q(status__in=TagStatus.values)),
        ]
        indexes = [
            # Readers: the `tags` filter of GET /api/flow-executions, the `tag`, `tag_type` filters of
            # GET /api/task-executions, and the insights, which count what waits from this index alone.
            models.Index(
                fields=["organization", "tag", "tag_type"],
                include=["flow_execution", "task_name", "created_at"],
                condition=Q(status=TagStatus.ACTIVE),
                name="task_tag_by_tag",
            ),
            # Reader: the inbox, which lists the tasks with a tag by the time it was put on.
            models.Index(
                fields=["organization", "tag", "created_at", "id"],
                condition=Q(status=TagStatus.ACTIVE),
                name="task_tag_inbox",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag_type}:{self.tag}"

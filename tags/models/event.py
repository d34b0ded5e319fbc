from django.db import models
from django.db.models import Case, Q, When
from django.db.models.fields.json import KT
from django.utils.translation import gettext_lazy as _

from tags.db.exact_json import ExactJSONField
from tags.models.execution import TASK_NAME_LENGTH, FlowExecution
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet


class EventType(models.TextChoices):
    TASK_TAG_ADDED = "task_tag.added", _("Tag added")
    TASK_TAG_REMOVED = "task_tag.removed", _("Tag removed")
    TASK_EXECUTION_CREATED = "task_execution.created", _("Task execution reported")
    TASK_EXECUTION_UPDATED = "task_execution.updated", _("Task execution changed")
    FLOW_EXECUTION_CREATED = "flow_execution.created", _("Flow execution created")
    FLOW_EXECUTION_UPDATED = "flow_execution.updated", _("Flow execution changed")
    FLOW_EXECUTION_DELETED = "flow_execution.deleted", _("Flow execution deleted")


TAG_EVENTS = [EventType.TASK_TAG_ADDED, EventType.TASK_TAG_REMOVED]
RUN_EVENTS = [
    EventType.FLOW_EXECUTION_CREATED,
    EventType.FLOW_EXECUTION_UPDATED,
    EventType.FLOW_EXECUTION_DELETED,
]


class Event(TenantModel):
    """One change, at its position (1, 2, 3, ...) in the organization's stream; never changed and never deleted."""

    position = models.BigIntegerField(_("position"))
    type = models.CharField(_("type"), max_length=50, choices=EventType.choices)
    flow_execution = TenantKey(FlowExecution, models.PROTECT, related_name="events")
    task_name = models.CharField(_("task name"), max_length=TASK_NAME_LENGTH, blank=True)
    actor = models.CharField(_("actor"), max_length=100)
    time = models.DateTimeField()
    request_id = models.CharField(_("request"), max_length=64)
    batch_id = models.UUIDField(_("batch"))
    data = ExactJSONField()
    # A column, because under row-level security no index over an expression of `data` is used.
    tag = models.GeneratedField(
        expression=Case(When(type__in=TAG_EVENTS, then=KT("data__tag"))),
        output_field=models.TextField(null=True),
        db_persist=True,
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "event"
        verbose_name, verbose_name_plural = _("event"), _("events")
        constraints = [
            # Also the index by which the stream is read from a cursor.
            models.UniqueConstraint("organization", "position", name="event_position"),
            models.CheckConstraint(name="event_position_counts", condition=Q(position__gte=1)),
            models.CheckConstraint(name="event_type", condition=Q(type__in=EventType.values)),
        ]
        indexes = [
            # Reader: the history of a task, newest first.
            models.Index(
                "organization", "flow_execution", "task_name", models.F("position").desc(), name="event_of_task"
            ),
            # Readers: the activity that is asked for a tag, for a person, for runs; each newest first. What there is
            # plenty of (programs, tasks) needs no index: a part of the stream is sure to have some.
            models.Index(
                "organization",
                "tag",
                models.F("position").desc(),
                condition=Q(tag__isnull=False),
                name="event_of_tag",
            ),
            models.Index(
                "organization",
                "actor",
                models.F("position").desc(),
                condition=Q(actor__startswith="user:"),
                name="event_of_person",
            ),
            models.Index(
                "organization",
                "type",
                models.F("position").desc(),
                condition=Q(type__in=RUN_EVENTS),
                name="event_of_run",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} · {self.get_type_display()}"

"""Flows, their executions and the runs of their tasks, in the admin: to read, to decide on, and to hide."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from tags.actions.flow_executions import delete_flow_execution
from tags.admin import shown
from tags.admin.deciding import DecidingAdmin
from tags.admin.history import EventfulAdmin, of_task
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import Flow, FlowExecution, FlowExecutionStatus, TaskExecution, TaskTag


@register(Flow, site=site)
class FlowAdmin(TenantAdmin):
    has_log = False
    ids_tell_time = False
    list_display = ("name", "executions", shown.moment("created_at", _("created"), "created_at"))
    search_fields = ("name",)
    date_hierarchy = "created_at"
    ordering = ("name", "id")
    sortable_by = ("name", "created_at")
    fields = (shown.own_id, "name", "executions", shown.moment("created_at", _("created")))

    @display(description=_("executions"))
    def executions(self, flow: Flow) -> str:
        return shown.list_link("flowexecution", _("Executions"), flow=flow.id)


@register(FlowExecution, site=site)
class FlowExecutionAdmin(EventfulAdmin):
    may_delete = True  # which hides it
    ids_tell_time = False
    list_display = (
        shown.own_id,
        shown.flow,
        "flow_version",
        shown.status("status", _("status")),
        "tasks",
        shown.moment("created_at", _("created")),
        shown.moment("updated_at", _("changed")),
        shown.who,
    )
    list_filter = ("status",)
    linked_by = ("flow",)
    search_fields = ("modified_by",)
    search_ids = ("id", "flow_id")
    search_help_text = _("An id of an execution or of a flow, or who changed one of the newest 10,000.")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    fields: ClassVar[Any] = (
        shown.own_id,
        shown.flow,
        "flow_version",
        shown.status("status", _("status")),
        "tasks",
        shown.json_field("input", _("input")),
        shown.moment("created_at", _("created")),
        shown.moment("updated_at", _("changed")),
        shown.who,
        shown.json_field("claims", _("what producers claim")),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Its values are read when its page shows them."""
        return super().get_queryset(request).defer("input", "claims")

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        organization_id = caller_of(request).organization_id
        for row in rows:
            row.flow_execution_id = row.id
        shown.put_names(organization_id, rows, "modified_by")
        shown.put_flows(organization_id, rows)

    @display(description=_("tasks"))
    def tasks(self, execution: FlowExecution) -> str:
        return shown.list_link("taskexecution", _("Tasks"), flow_execution=execution.id)

    def desk_path(self, row: FlowExecution) -> str | None:
        return None if row.status == FlowExecutionStatus.DELETED else reverse("run", args=[row.id])

    def events_of(self, events: Any, row: FlowExecution) -> Any:
        return events.filter(flow_execution_id=row.id, task_name="")

    def has_delete_permission(self, request: HttpRequest, obj: FlowExecution | None = None) -> bool:
        return obj is None or obj.status != FlowExecutionStatus.DELETED

    def delete_model(self, request: HttpRequest, obj: FlowExecution) -> None:
        caller = caller_of(request)
        delete_flow_execution(caller.organization_id, caller.actor, obj.id)


@register(TaskExecution, site=site)
class TaskExecutionAdmin(DecidingAdmin):
    ids_tell_time = False
    list_display = (
        "__str__",
        shown.flow,
        shown.status("processing_status", _("status")),
        shown.status("edited_status", _("edited")),
        "tags",
        shown.moment("created_at", _("created")),
        shown.moment("completed_at", _("ended")),
        shown.who,
    )
    list_filter = ("processing_status",)
    linked_by = ("flow_execution",)
    search_fields = ("task_name",)
    search_ids = ("id", "flow_execution_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    actions = ("approve", "reject", "flag")
    fields: ClassVar[Any] = (
        shown.own_id,
        "task_name",
        "task_execution_idx",
        "run",
        "tags",
        shown.status("processing_status", _("status")),
        shown.status("edited_status", _("edited")),
        shown.status("stale_status", _("stale")),
        shown.json_field("input", _("input")),
        shown.json_field("output", _("output")),
        shown.json_field("error", _("error")),
        shown.json_field("source_task_executions", _("sources")),
        shown.moment("started_at", _("started")),
        shown.moment("completed_at", _("ended")),
        shown.moment("created_at", _("created")),
        shown.moment("updated_at", _("changed")),
        shown.who,
        "credits",
        shown.json_field("claims", _("what producers claim")),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Its values are read when its page shows them."""
        values = ("input", "output", "error", "source_task_executions", "claims")
        return super().get_queryset(request).defer(*values)

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        organization_id = caller_of(request).organization_id
        shown.put_names(organization_id, rows, "modified_by")
        shown.put_flows(organization_id, rows)
        found = TaskTag.objects.in_organization(organization_id).filter(
            flow_execution_id__in={row.flow_execution_id for row in rows}, task_name__in={row.task_name for row in rows}
        )
        tags: dict[Any, list[str]] = {}
        for *task, tag in found.order_by("created_at", "id").values_list("flow_execution_id", "task_name", "tag"):
            tags.setdefault(tuple(task), []).append(tag)
        for row in rows:
            row.tags = tags.get((row.flow_execution_id, row.task_name), [])

    @display(description=_("tags"))
    def tags(self, task: Any) -> str:
        return format_html_join(" ", '<span class="badge quiet">{}</span>', ((tag,) for tag in task.tags))

    @display(description=_("flow execution"))
    def run(self, task: TaskExecution) -> str:
        return shown.object_link("flowexecution", task.flow_execution_id, task.flow_execution_id)

    def desk_path(self, row: TaskExecution) -> str:
        return reverse("task", args=[row.id])

    def events_of(self, events: Any, row: TaskExecution) -> Any:
        return of_task(events, row)

"""Task tags in the admin, those that were removed among them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter, action, display, register
from django.db.models import TextField
from django.db.models.functions import Cast, Left
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from tags.actions.batch import Operation, OperationKind
from tags.actions.decisions import Decided, change_tags, waiting_tags
from tags.admin import shown
from tags.admin.deciding import DecidingAdmin
from tags.admin.history import of_task
from tags.admin.site import caller_of, site
from tags.errors import BadRequest
from tags.models import TagStatus, TaskTag

_METADATA_IN_LIST = 80


class WaitsFilter(SimpleListFilter):
    title = _("waits for a person")
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() != "yes":
            return queryset
        return queryset.active().filter(tag__in=waiting_tags(caller_of(request).organization_id))


@register(TaskTag, site=site)
class TaskTagAdmin(DecidingAdmin):
    list_display = (
        "__str__",
        "task_name",
        shown.flow,
        shown.status("status", _("status")),
        "metadata",
        shown.moment("created_at", pgettext_lazy("tag", "added")),
        shown.who,
    )
    list_filter = (WaitsFilter, "status")
    linked_by = ("flow_execution", "tag", "tag_type")
    search_fields = ("tag", "tag_type", "task_name")
    search_ids = ("id", "flow_execution_id")
    date_hierarchy = "created_at"
    actions = ("approve", "reject", "flag", "restore", "delete_selected")
    object_actions = ("approve", "reject", "flag", "restore")
    fields: ClassVar[Any] = (
        shown.own_id,
        "tag",
        "tag_type",
        "task_name",
        "run",
        shown.status("status", _("status")),
        shown.json_field("tag_metadata", _("metadata")),
        shown.moment("created_at", pgettext_lazy("tag", "added")),
        shown.moment("updated_at", pgettext_lazy("tag", "removed")),
        shown.who,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the beginning of the metadata in place of all of it."""
        start = Left(Cast("tag_metadata", TextField()), _METADATA_IN_LIST + 1)
        return super().get_queryset(request).defer("tag_metadata").annotate(metadata_start=start)

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        organization_id = caller_of(request).organization_id
        shown.put_names(organization_id, rows, "modified_by")
        shown.put_flows(organization_id, rows)

    @display(description=_("metadata"))
    def metadata(self, tag: Any) -> str:
        text = tag.metadata_start or shown.NOTHING
        return format_html(
            "<code>{}</code>", text if len(text) <= _METADATA_IN_LIST else f"{text[:_METADATA_IN_LIST]}…"
        )

    @display(description=_("flow execution"))
    def run(self, tag: TaskTag) -> str:
        return shown.object_link("flowexecution", tag.flow_execution_id, tag.flow_execution_id)

    def desk_path(self, row: TaskTag) -> str:
        return reverse("run", args=[row.flow_execution_id])

    def is_offered(self, action: str, row: TaskTag) -> bool:
        return action != "restore" or row.status == TagStatus.DELETED

    def events_of(self, events: Any, row: TaskTag) -> Any:
        return of_task(events, row).filter(data__id=str(row.id))

    # Through the engine, as a decision that can be taken back. Between the look at the rows and the engine's lock a tag
    # may be removed and added anew by somebody else; then the new one, which says the same, is removed.

    @action(description=_("Restore"))
    def restore(self, request: HttpRequest, queryset: Any) -> None:
        decided = self._change(request, OperationKind.ADD, queryset.filter(status=TagStatus.DELETED))
        words = ngettext(
            "%(count)d tag is there again, as a new record; the removed one stays as it was.",
            "%(count)d tags are there again, as new records; the removed ones stay as they were.",
            decided.count,
        )
        self.tell_decided(request, words % {"count": decided.count}, decided)

    @action(description=_("Remove"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Any) -> None:
        """In place of Django's."""
        self.delete_queryset(request, queryset)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        decided = self._change(request, OperationKind.REMOVE, queryset.active())
        words = ngettext(
            "%(count)d tag removed; its record is kept.",
            "%(count)d tags removed; their records are kept.",
            decided.count,
        )
        self.tell_decided(request, words % {"count": decided.count}, decided)

    def delete_model(self, request: HttpRequest, obj: TaskTag) -> None:
        self.delete_queryset(request, self.get_queryset(request).filter(id=obj.id))

    def has_delete_permission(self, request: HttpRequest, obj: TaskTag | None = None) -> bool:
        return obj is None or obj.status == TagStatus.ACTIVE

    def _change(self, request: HttpRequest, kind: OperationKind, tags: Any) -> Decided:
        operations = [
            Operation(kind, tag.flow_execution_id, tag.task_name, tag.tag, tag.tag_type, tag.tag_metadata)
            for tag in tags.defer(None).order_by("id")
        ]
        if not operations:
            raise BadRequest(str(_("Active tags can be removed, and removed ones restored.")))
        return change_tags(caller_of(request), operations)

"""What people decided, in the admin: to read, and to take back."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import action, display, register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tags.actions.decisions import undo
from tags.admin import shown
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import DecidedTask, Decision, DecisionKind

_NOTE_IN_LIST = 80


@register(Decision, site=site)
class DecisionAdmin(TenantAdmin):
    has_log = False
    list_display = (
        shown.moment("created_at", _("time")),
        shown.status("kind", _("decision")),
        shown.who,
        "tasks",
        "short_note",
        "taken_back",
    )
    list_filter = ("kind",)
    linked_by = ("group_id", "user")
    search_fields = ("note",)
    search_ids = ("id", "group_id")
    date_hierarchy = "created_at"
    actions = object_actions = ("take_back",)
    fields = (
        shown.own_id,
        shown.moment("created_at", _("time")),
        shown.status("kind", _("decision")),
        shown.who,
        "note",
        "taken_back",
        "group_id",
        "undoes",
        "undone_by",
        shown.json_field("changes", _("changes")),
    )

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        for row in rows:
            row.actor = f"user:{row.user_id}"
        shown.put_names(caller_of(request).organization_id, rows, "actor")

    @display(description=_("tasks"))
    def tasks(self, decision: Decision) -> str:
        names = list(dict.fromkeys(f"{change[2]}" for change in decision.changes))
        more = f" +{len(names) - 2}" if len(names) > 2 else ""
        return f"{', '.join(names[:2])}{more}" or shown.NOTHING

    @display(description=_("note"))
    def short_note(self, decision: Decision) -> str:
        note = decision.note
        return note if len(note) <= _NOTE_IN_LIST else f"{note[:_NOTE_IN_LIST]}…"

    @display(description=_("taken back"))
    def taken_back(self, decision: Decision) -> str:
        return shown.icon(decision.undone_by is not None)

    def is_offered(self, action: str, row: Decision) -> bool:
        return row.kind != DecisionKind.UNDO and row.undone_by is None

    @action(description=_("Take back"))
    def take_back(self, request: HttpRequest, queryset: Any) -> None:
        """All of what one press of a button decided, newest first, as later ones stand on earlier ones."""
        chosen = queryset.order_by("-created_at", "-id").values_list("group_id", flat=True)
        groups = list(dict.fromkeys(chosen))
        for group_id in groups:
            undo(caller_of(request), group_id)
        words = ngettext("%(count)d decision taken back.", "%(count)d decisions taken back.", len(groups))
        self.tell(request, words % {"count": len(groups)})


@register(DecidedTask, site=site)
class DecidedTaskAdmin(TenantAdmin):
    """What Insights counts."""

    has_log = False
    list_display = (
        shown.moment("decided_at", _("decided")),
        "task_name",
        shown.flow,
        shown.status("kind", _("decision")),
        shown.who,
        shown.moment("waiting_since", _("waited since")),
        shown.moment("undone_at", _("taken back")),
    )
    list_filter = ("kind",)
    linked_by = ("decision",)
    search_fields = ("task_name",)
    date_hierarchy = "decided_at"
    fields = (
        shown.moment("decided_at", _("decided")),
        "task_name",
        shown.flow,
        shown.status("kind", _("decision")),
        shown.who,
        shown.moment("waiting_since", _("waited since")),
        shown.moment("undone_at", _("taken back")),
    )

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        organization_id = caller_of(request).organization_id
        for row in rows:
            row.actor = f"user:{row.user_id}"
        shown.put_names(organization_id, rows, "actor")
        shown.put_flows(organization_id, rows)

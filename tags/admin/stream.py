"""The stream of events and its seals in the admin: to read."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tags.admin import shown
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import Event, Seal


@register(Event, site=site)
class EventAdmin(TenantAdmin):
    has_log = False
    list_display = ("position", shown.moment("time", _("time")), "type", "task_name", shown.flow, shown.who)
    list_filter = ("type",)
    linked_by = ("flow_execution", "task_name")
    search_fields = ("task_name", "actor", "request_id")
    search_ids = ("id", "flow_execution_id")
    date_hierarchy = "time"
    ordering = ("-position",)
    fields = (
        "position",
        shown.own_id,
        "type",
        shown.moment("time", _("time")),
        shown.who,
        "actor",
        "task_name",
        "run",
        "batch_id",
        "request_id",
        shown.json_field("data", _("data")),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data")

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        organization_id = caller_of(request).organization_id
        shown.put_names(organization_id, rows, "actor")
        shown.put_flows(organization_id, rows)

    @display(description=_("flow execution"))
    def run(self, event: Event) -> str:
        return shown.object_link("flowexecution", event.flow_execution_id, event.flow_execution_id)


@register(Seal, site=site)
class SealAdmin(TenantAdmin):
    """Pieces of the hash chain; whether they hold is for the command that verifies them to say."""

    has_log = False
    list_display = ("first", "position", shown.moment("sealed_at", _("sealed")))
    date_hierarchy = "sealed_at"
    ordering = ("-position",)
    fields = ("first", "position", shown.moment("sealed_at", _("sealed")))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("links")

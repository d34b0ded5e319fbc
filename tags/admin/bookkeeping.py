"""What Tagsite keeps for itself, in the admin: to read, when one wonders why something was tagged, or was not."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tags.admin import shown
from tags.admin.listing import HappenedFilter
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import ProducerRun, ReviewRule, RuleFiring

_TAKEN_BACK = shown.yes_or_no("taken_back", _("taken back"))


class OfTaskAdmin(TenantAdmin):
    """The admin of rows that are about one run of a task."""

    has_log = False

    @display(description=_("task"))
    def task(self, row: Any) -> str:
        return f"{row.task_name}[{row.task_execution_idx}]" if row.task_name else shown.NOTHING

    @display(description=_("flow execution"))
    def run(self, row: Any) -> str:
        if row.flow_execution_id is None:
            return shown.NOTHING
        return shown.object_link("flowexecution", row.flow_execution_id, row.flow_execution_id)


@register(RuleFiring, site=site)
class RuleFiringAdmin(OfTaskAdmin):
    list_display = ("rule_name", "task", "run", shown.moment("fired_at", _("fired")), _TAKEN_BACK)
    list_filter = ("taken_back",)
    linked_by = ("rule", "flow_execution")
    search_fields = ("task_name",)
    search_ids = ("id", "rule_id", "flow_execution_id")
    date_hierarchy = "fired_at"
    fields = ("rule_name", "task", "run", shown.moment("fired_at", _("fired")), _TAKEN_BACK)

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        rules = ReviewRule.objects.in_organization(caller_of(request).organization_id)
        names = dict(rules.filter(id__in={row.rule_id for row in rows}).values_list("id", "name"))
        for row in rows:
            row.name = names.get(row.rule_id, shown.NOTHING)

    @display(description=_("rule"))
    def rule_name(self, firing: Any) -> str:
        return str(firing.name)


@register(ProducerRun, site=site)
class ProducerRunAdmin(OfTaskAdmin):
    list_display = ("run_id", "task", "run", "waits")
    list_filter = (("flow_execution", HappenedFilter),)
    search_fields = ("task_name",)
    search_ids = ("id", "run_id")
    fields = ("run_id", "task", "run", shown.json_field("waiting", _("what waits for it")))

    @display(description=_("waiting"))
    def waits(self, run: ProducerRun) -> int:
        return len(run.waiting)

"""The history of what has events: read from the organization's stream, where everybody's changes are."""

from typing import Any

from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import TextField
from django.db.models.functions import Cast, Left
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from tags.admin import shown
from tags.admin.listing import BoundedPaginator
from tags.admin.site import caller_of
from tags.admin.tenant import TenantAdmin
from tags.models import Event

_ON_A_PAGE = 50
# Characters of an event's data; its own page has the rest, which may be megabytes of an old output.
_MOST_DATA = 300


class EventfulAdmin(TenantAdmin):
    has_events = True
    has_log = False

    def events_of(self, events: Any, row: Any) -> Any:
        """Those of the row, by the index of a task's events."""
        raise NotImplementedError

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        organization_id = caller_of(request).organization_id
        events = self.events_of(Event.objects.in_organization(organization_id), row)
        pages = BoundedPaginator(_readable(events), _ON_A_PAGE)
        page = pages.get_page(request.GET.get(PAGE_VAR))
        page.object_list = listed = list(page.object_list)
        shown.put_names(organization_id, listed, "actor")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Change history: %s") % row,
            "opts": self.opts,
            "object": row,
            "page": page,
            "page_var": PAGE_VAR,
            "changelist_name": f"admin:tags_{self.opts.model_name}_changelist",
            "change_name": f"admin:tags_{self.opts.model_name}_change",
            "page_range": pages.get_elided_page_range(page.number),
        }
        return TemplateResponse(request, "admin/event_history.html", context)


def _readable(events: Any) -> Any:
    start = Left(Cast("data", TextField()), _MOST_DATA)
    return events.defer("data").annotate(data_start=start).order_by("-position")


def of_task(events: Any, row: Any) -> Any:
    return events.filter(flow_execution_id=row.flow_execution_id, task_name=row.task_name)

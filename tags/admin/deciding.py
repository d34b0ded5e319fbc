"""Approve, reject and flag from a list: the desk's own decisions, so that they can be taken back."""

from typing import Any, ClassVar

from django.contrib.admin import action
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from tags.actions.decisions import Decided, decide
from tags.admin.history import EventfulAdmin
from tags.admin.site import caller_of
from tags.errors import BadRequest
from tags.models import DecisionKind


class DecidingAdmin(EventfulAdmin):
    """The admin of rows that have a flow execution and a task name."""

    object_actions: ClassVar[Any] = ("approve", "reject", "flag")

    @action(description=_("Approve"))
    def approve(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, DecisionKind.APPROVE, queryset)

    @action(description=_("Reject"))
    def reject(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, DecisionKind.REJECT, queryset)

    @action(description=_("Flag"))
    def flag(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, DecisionKind.FLAG, queryset)

    def _decide(self, request: HttpRequest, kind: DecisionKind, rows: Any) -> None:
        chosen = rows.order_by("id").values_list("flow_execution_id", "task_name")
        tasks = list(dict.fromkeys(chosen))
        if not tasks:
            raise BadRequest(str(_("These are not there any more")))
        decided = decide(caller_of(request), kind, tasks)
        words = {
            DecisionKind.APPROVE: ngettext("%(count)d task approved.", "%(count)d tasks approved.", len(tasks)),
            DecisionKind.REJECT: ngettext("%(count)d task rejected.", "%(count)d tasks rejected.", len(tasks)),
            DecisionKind.FLAG: ngettext("%(count)d task flagged.", "%(count)d tasks flagged.", len(tasks)),
        }
        self.tell_decided(request, words[kind] % {"count": len(tasks)}, decided)

    def tell_decided(self, request: HttpRequest, words: Any, decided: Decided) -> None:
        """With the way to take it back."""
        if not decided.changed:
            self.tell(request, _("They were so already; nothing changed."), is_good=False)
            return
        path = f"{reverse('admin:tags_decision_changelist')}?group_id={decided.group_id}"
        self.tell(request, format_html('{} <a href="{}">{}</a>', words, path, _("Take it back…")))

"""`/live`: the organization's stream for people, as it happens; the page's script is tags/static/tags/live_page.js."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.db.tenancy import in_organization
from tags.events.reading import current_position
from tags.models import EventType, FlowExecutionStatus, Permission, ProcessingStatus
from tags.models.execution import TASK_NAME_LENGTH
from tags.models.tag import TAG_TYPE_LENGTH
from tags.review.access import desk, page_of
from tags.review.history import field_words
from tags.review.words import per_language

# How far back the page begins. A filter looks back further, or it would seldom find something to show.
_LOOK_BACK = 50
_LOOK_BACK_FILTERED = 1000


class FilterForm(forms.Form):
    """Which events to show. The script takes the words for each type of event from the options."""

    type = forms.ChoiceField(label=_("What"), choices=[("", _("Everything")), *EventType.choices], required=False)
    task_name = forms.CharField(label=_("Task name"), max_length=TASK_NAME_LENGTH, required=False, strip=False)
    tag_type = forms.CharField(label=_("Tag type"), max_length=TAG_TYPE_LENGTH, required=False, strip=False)
    flow_execution_id = forms.UUIDField(
        label=_("Flow execution"),
        required=False,
        error_messages={"invalid": _("This is not the id of a flow execution.")},
    )

    def subscription(self) -> dict[str, Any]:
        """What the socket is asked for."""
        wanted = {name: str(value) for name, value in self.cleaned_data.items() if value}
        kind = wanted.pop("type", None)
        return {**wanted, "types": [kind]} if kind else wanted


@require_safe
@page_of()
def live(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = FilterForm(request.GET, label_suffix="")
    with in_organization(caller.organization_id):
        position = current_position(caller.organization_id)
    selected = form.subscription() if form.is_valid() else None
    look_back = _LOOK_BACK_FILTERED if selected else _LOOK_BACK
    context = {
        "section": "activity",
        "form": form,
        "may_report": Permission.INGEST in caller.permissions,
        "after": max(0, position - look_back),
        "look_back": look_back,
        "selected": json.dumps(selected),
        "is_filtered": bool(form.errors or selected),
        "live_words": _words(),
    }
    return desk(request, caller, "review/live.html", context)


@per_language
def _words() -> dict[str, Any]:
    """What the script says. A word in braces is filled in there."""
    goes_on = gettext("The list goes on where it stopped.")
    ended = gettext("Your session has ended.")
    return {
        "connecting": gettext("Connecting"),
        "live": gettext("Live"),
        "reconnecting": gettext("Reconnecting"),
        "offline": gettext("Not connected"),
        "goes_on": goes_on,
        "no_network": gettext("This device is not on a network.") + f" {goes_on}",
        "restarting": gettext("The server restarts.") + f" {goes_on}",
        "unavailable": gettext("The server cannot reach its database.") + f" {goes_on}",
        "not_authenticated": ended,
        "credential_ended": ended,
        "forbidden": gettext("You may not read this organization's events."),
        "refused": gettext("The server does not take this filter."),
        "pause": gettext("Pause"),
        "go_on": gettext("Go on"),
        "one": gettext("1 event"),
        "many": gettext("{count} events"),
        "cut": gettext("{count} events, the newest {shown} shown"),
        "run": gettext("run"),
        "somebody": gettext("somebody"),
        "fields": field_words(),
        "statuses": {status.value: str(status.label) for status in (*FlowExecutionStatus, *ProcessingStatus)},
    }

"""`/live`: the organization's stream for people, as it happens; the page's script is tags/static/tags/live_page.js."""

import json
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller, caller_of_page
from tags.db.tenancy import in_organization
from tags.errors import NotAuthenticated
from tags.events.reading import current_position
from tags.models import EventType, Organization, Permission
from tags.models.execution import TASK_NAME_LENGTH
from tags.models.tag import TAG_TYPE_LENGTH

# How far back the page begins. A filter looks back further, or it would seldom find something to show.
_LOOK_BACK = 50
_LOOK_BACK_FILTERED = 1000

_WORDS = {
    EventType.TASK_TAG_ADDED: "Tag added",
    EventType.TASK_TAG_REMOVED: "Tag removed",
    EventType.TASK_EXECUTION_CREATED: "Task execution reported",
    EventType.TASK_EXECUTION_UPDATED: "Task execution changed",
    EventType.FLOW_EXECUTION_CREATED: "Flow execution created",
    EventType.FLOW_EXECUTION_UPDATED: "Flow execution changed",
    EventType.FLOW_EXECUTION_DELETED: "Flow execution deleted",
}


class FilterForm(forms.Form):
    """Which events to show. The script takes the words for each type of event from the options."""

    type = forms.ChoiceField(
        label="What happened",
        choices=[("", "Everything"), *((kind.value, _WORDS.get(kind, kind.label)) for kind in EventType)],
        required=False,
    )
    task_name = forms.CharField(label="Task name", max_length=TASK_NAME_LENGTH, required=False, strip=False)
    tag_type = forms.CharField(label="Tag type", max_length=TAG_TYPE_LENGTH, required=False, strip=False)
    flow_execution_id = forms.UUIDField(
        label="Flow execution", required=False, error_messages={"invalid": "This is not the id of a flow execution."}
    )

    def words(self) -> str:
        """What is asked for, as a person reads it."""
        kinds = dict(self.fields["type"].choices)  # type: ignore[attr-defined]  # a ChoiceField
        given = {name: value for name, value in self.cleaned_data.items() if value}
        return ", ".join(
            kinds[value] if name == "type" else f"{self.fields[name].label} {value}" for name, value in given.items()
        )

    def subscription(self) -> dict[str, Any]:
        """What the socket is asked for."""
        wanted = {name: str(value) for name, value in self.cleaned_data.items() if value}
        kind = wanted.pop("type", None)
        return {**wanted, "types": [kind]} if kind else wanted


@require_safe
@never_cache
@login_required
def live(request: HttpRequest) -> HttpResponse:
    try:
        caller = caller_of_page(request)
    except NotAuthenticated:
        return render(request, "live.html", status=403)  # logged in, but a member of nothing
    return render(request, "live.html", _context(caller, FilterForm(request.GET, label_suffix="")))


def _context(caller: Caller, form: FilterForm) -> dict[str, Any]:
    with in_organization(caller.organization_id):
        organization = Organization.objects.get(id=caller.organization_id)
        position = current_position(caller.organization_id)
    selected = form.subscription() if form.is_valid() else None
    look_back = _LOOK_BACK_FILTERED if selected else _LOOK_BACK
    return {
        "organization": organization,
        "form": form,
        "actor": str(caller.actor),
        "may_report": Permission.INGEST in caller.permissions,
        "after": max(0, position - look_back),
        "look_back": look_back,
        "selected": json.dumps(selected),
        "is_filtered": bool(form.errors or selected),
    }

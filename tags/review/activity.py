"""`/activity`: what happened in the organization, newest first. The page's script is tags/static/tags/activity.js."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.errors import BadRequest, NotFound
from tags.models import Flow, Membership, ReviewRule, ServiceAccount
from tags.review.access import desk, page_of
from tags.review.activity_entries import Span
from tags.review.activity_filter import Filter, FilterForm
from tags.review.activity_query import CHANGES, ActivityQuery
from tags.review.activity_words import SHOWN, line_of, shown_change
from tags.review.people import people

_MOST_CHOICES = 300


@require_safe
@page_of()
def activity(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = FilterForm(request.GET)
    wanted = Filter(**form.cleaned_data) if form.is_valid() else None
    with in_organization(caller.organization_id):
        query = ActivityQuery(caller.organization_id, wanted or Filter())
        context = {**_page(caller, query, wanted), "filter": wanted or Filter()}
        if request.headers.get("HX-Request"):
            return render(request, "review/activity_entries.html", context)
        context |= _choices(caller, wanted or Filter())
    context |= {"section": "activity", "form": form, "position": query.newest}
    return desk(request, caller, "review/activity.html", context)


class EntryForm(forms.Form):
    """Which entry, as its line names it; `row` for what a program did in a row."""

    newest = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    oldest = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    key = forms.UUIDField()
    actor = forms.CharField(max_length=100)
    row = forms.BooleanField(required=False)


@require_safe
@page_of()
def activity_changes(request: HttpRequest, caller: Caller) -> HttpResponse:
    """All that one entry changed, a hundred at a time."""
    form, of_entry = FilterForm(request.GET), EntryForm(request.GET)
    if not (form.is_valid() and of_entry.is_valid()):
        raise NotFound("Not found")
    named = of_entry.cleaned_data
    entry = Span(named["key"], named["newest"], named["oldest"], named["actor"], named["row"])
    with in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        query = ActivityQuery(caller.organization_id, Filter(**form.cleaned_data))
        events = query.changes([entry], CHANGES + 1, form.cleaned_data["before"])[0]
    context = {
        "section": "activity",
        "entry": entry,
        "filter": query.wanted,
        "changes": [shown_change(event, waiting) for event in events[:CHANGES]],
        "before": events[CHANGES - 1].position if len(events) > CHANGES else None,
    }
    if request.headers.get("HX-Request"):
        return render(request, "review/activity_changes.html", context)
    return desk(request, caller, "review/activity_changes_page.html", context)


class _PositionForm(forms.Form):
    after = forms.IntegerField(min_value=0, max_value=2**63 - 1)


@require_safe
@page_of()
def activity_news(request: HttpRequest, caller: Caller) -> JsonResponse:
    """How many entries are newer than what a page shows. Raises BadRequest."""
    form, shown = FilterForm(request.GET), _PositionForm(request.GET)
    if not (form.is_valid() and shown.is_valid()):
        raise BadRequest("The filter, or the position to look after, is not one")
    with in_organization(caller.organization_id):
        query = ActivityQuery(caller.organization_id, Filter(**form.cleaned_data))
        return JsonResponse({"count": query.count_after(shown.cleaned_data["after"])})


def _page(caller: Caller, query: ActivityQuery, wanted: Filter | None) -> dict[str, Any]:
    if wanted is None:
        return {"lines": [], "before": None}
    page = query.page()
    events = query.changes(page.entries, SHOWN)
    names = people(caller, [entry.actor for entry in page.entries])
    waiting = waiting_tags(caller.organization_id)
    return {
        "lines": [line_of(entry, of, names, waiting) for entry, of in zip(page.entries, events, strict=True)],
        "before": page.before,
        "looked_back_to": page.looked_back_to,
    }


def _choices(caller: Caller, wanted: Filter) -> dict[str, Any]:
    """Flows, actors and tags to choose from."""
    organization_id = caller.organization_id
    flows = Flow.objects.in_organization(organization_id).order_by("name").values_list("name", flat=True)
    members = Membership.objects.in_organization(organization_id).order_by("user__username")
    accounts = ServiceAccount.objects.in_organization(organization_id).order_by("name")
    rules = ReviewRule.objects.in_organization(organization_id).order_by("name")
    actors = [
        *(f"user:{id}" for id in members.values_list("user_id", flat=True)[:_MOST_CHOICES]),
        *(f"service_account:{id}" for id in accounts.values_list("id", flat=True)[:_MOST_CHOICES]),
        *(f"rule:{id}" for id in rules.values_list("id", flat=True)[:_MOST_CHOICES]),
        "system",
    ]
    if wanted.actor and wanted.actor not in actors:
        actors.append(wanted.actor)
    names = people(caller, actors)
    return {
        "flows": list(flows[:_MOST_CHOICES]),
        "actors": [(actor, names[actor]) for actor in actors],
        "tags": [*waiting_tags(organization_id), "approved", "rejected"],
    }

"""`/insights/<name>.csv`: the figures of Insights, and each decision; docs/insights.md says what they are."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.errors import BadRequest, NotFound
from tags.models import Membership
from tags.review.access import page_of
from tags.review.csv_file import csv_file
from tags.review.insights import age_names
from tags.review.insights_period import Period, PeriodForm
from tags.review.insights_query import Figures, Insights, all_insights, decisions

Rows = Iterator[list[Any]]
_DECIDED = ("approved", "rejected", "flagged", "median_seconds", "90th_percentile_seconds")
_WAITING = ("waiting", "oldest_seconds")


@require_safe
@page_of()
def insights_file(request: HttpRequest, caller: Caller, name: str) -> FileResponse:
    """Raises BadRequest, NotFound."""
    form = PeriodForm(request.GET)
    if not form.is_valid():
        raise BadRequest("; ".join(str(message) for messages in form.errors.values() for message in messages))
    if name not in _FILES:
        raise NotFound("There is no such file")
    period = form.period
    head, rows = _FILES[name]
    with in_organization(caller.organization_id):
        return csv_file(f"{name}_{period.first}_{period.last}.csv", head, rows(caller, period))


def _all(caller: Caller, period: Period) -> Insights:
    return all_insights(caller.organization_id, waiting_tags(caller.organization_id), period)


def _days(caller: Caller, period: Period) -> Rows:
    for day, figures in _all(caller, period).days.items():
        yield [day, *_decided(figures)]


def _flows(caller: Caller, period: Period) -> Rows:
    for flow, figures in sorted(_all(caller, period).flows.items()):
        yield [flow, *_decided(figures), *_waiting(figures)]


def _tasks(caller: Caller, period: Period) -> Rows:
    for (flow, task), figures in sorted(_all(caller, period).tasks.items()):
        yield [flow, task, *_decided(figures), *_waiting(figures)]


def _reviewers(caller: Caller, period: Period) -> Rows:
    names = _names(caller)
    for user_id, figures in _all(caller, period).reviewers.items():
        yield [names.get(user_id, _("a former member")), *_decided(figures)]


def _backlog(caller: Caller, period: Period) -> Rows:
    for age, tasks in _all(caller, period).ages.items():
        yield [age_names()[age], tasks]


def _decisions(caller: Caller, period: Period) -> Rows:
    names = _names(caller)  # first: while the decisions are read, nothing else can be
    for time, kind, user_id, flow, task, run, waited in decisions(caller.organization_id, period):
        yield [time.isoformat(), kind, names.get(user_id, _("a former member")), flow, task, run, _rounded(waited)]


_FILES: dict[str, tuple[tuple[str, ...], Callable[[Caller, Period], Rows]]] = {
    "days": (("day", *_DECIDED), _days),
    "flows": (("flow", *_DECIDED, *_WAITING), _flows),
    "tasks": (("flow", "task", *_DECIDED, *_WAITING), _tasks),
    "reviewers": (("reviewer", *_DECIDED), _reviewers),
    "backlog": (("age", "tasks"), _backlog),
    "decisions": (
        ("decided_at", "decision", "reviewer", "flow", "task", "flow_execution_id", "seconds_waited"),
        _decisions,
    ),
}


def _names(caller: Caller) -> dict[UUID, str]:
    members = Membership.objects.in_organization(caller.organization_id)
    return dict(members.values_list("user_id", "user__username"))


def _decided(figures: Figures) -> list[Any]:
    return [figures.approved, figures.rejected, figures.flagged, _rounded(figures.median), _rounded(figures.ninetieth)]


def _waiting(figures: Figures) -> list[Any]:
    return [figures.waiting, _rounded(figures.oldest)]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

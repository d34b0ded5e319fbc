"""`/insights`: what waits, what was decided and how long that took; docs/insights.md defines each figure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.models import Flow
from tags.review import insights_query
from tags.review.access import desk, page_of
from tags.review.insights_period import CHOICES, Period, PeriodForm
from tags.review.insights_query import Figures, Insights
from tags.review.people import people
from tags.review.plots import decisions_plot, shares, times_plot
from tags.review.words import duration_text, figure

# Rows of a table on the page; its file has them all.
_SHOWN = 20
_MOST_FLOWS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """Of a table: `of` is the flow of a task; `bar` the parts of its bar."""

    name: str
    figures: Figures
    bar: list[tuple[str, float, float]]
    of: str = ""

    @property
    def median(self) -> str:
        return _seconds(self.figures.median)

    @property
    def ninetieth(self) -> str:
        return _seconds(self.figures.ninetieth)

    @property
    def oldest(self) -> str:
        return _seconds(self.figures.oldest)


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is its file's."""

    name: str
    title: str
    head: str
    rows: list[Row]
    more: int
    has_waiting: bool = True


@require_safe
@page_of()
def insights(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The page without its figures, for which it then asks itself: where much waits, they take a while to count."""
    form = PeriodForm(request.GET)
    period = form.period
    if request.headers.get("HX-Request"):
        return render(request, "review/insights_figures.html", _figures(caller, period))
    with in_organization(caller.organization_id):
        flows = Flow.objects.in_organization(caller.organization_id).order_by("name")
        flow_names = list(flows.values_list("name", flat=True)[:_MOST_FLOWS])
    context = {
        "section": "insights",
        "form": form,
        "period": period,
        "choices": [(days, period.query(days=days)) for days in CHOICES],
        "flows": flow_names,
    }
    return desk(request, caller, "review/insights.html", context)


def _figures(caller: Caller, period: Period) -> dict[str, Any]:
    with in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        found = insights_query.insights(caller.organization_id, waiting, period)
        reviewers = _reviewers(caller, found)
    return {
        "period": period,
        "total": Row("", found.total, []),
        "waiting": figure(found.total.waiting),
        "decided": figure(found.total.decisions),
        "per_day": figure(found.total.decisions / period.length, 1),
        "decisions": decisions_plot(found.days),
        "times": times_plot(found.days),
        "days": [Row(str(day), figures, []) for day, figures in reversed(found.days.items())],
        "ages": _ages(found),
        "tables": [
            _table("flows", _("By flow"), _("Flow"), ((name, "", row) for name, row in found.flows.items())),
            _table("tasks", _("By task"), _("Task"), ((name, of, row) for (of, name), row in found.tasks.items())),
            _table("reviewers", _("By reviewer"), _("Reviewer"), reviewers, has_waiting=False),
        ],
    }


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else duration_text(timedelta(seconds=max(0.0, seconds)))


def _reviewers(caller: Caller, found: Insights) -> list[tuple[str, str, Figures]]:
    names = people(caller, [f"user:{id}" for id in found.reviewers])
    return [(str(names[f"user:{id}"]), "", figures) for id, figures in found.reviewers.items()]


def _table(
    name: str, title: str, head: str, rows: Iterable[tuple[str, str, Figures]], *, has_waiting: bool = True
) -> Table:
    """The busiest first: by what was decided and what waits."""
    ordered = sorted(rows, key=lambda row: (-row[2].decisions - row[2].waiting, row[1], row[0]))
    most = max((figures.decisions for _name, _of, figures in ordered), default=0)
    shown = [Row(name, figures, shares(figures, most), of) for name, of, figures in ordered[:_SHOWN]]
    return Table(name, title, head, shown, len(ordered) - len(shown), has_waiting)


def _ages(found: Insights) -> list[tuple[str, int, float]]:
    """The classes of age: name, tasks, and the bar's length in percent."""
    most = max(found.ages.values(), default=0)
    return [(age_names()[age], tasks, tasks / most * 100 if most else 0) for age, tasks in sorted(found.ages.items())]


def age_names() -> list[str]:
    """Of the classes between insights_query.AGES."""
    return [
        _("Up to an hour"),
        _("An hour to a day"),
        _("1 to 3 days"),
        _("3 to 7 days"),
        _("7 to 30 days"),
        _("Longer than 30 days"),
    ]

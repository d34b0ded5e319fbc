"""`/runs/<id>`: one run of a flow, with its tasks along the time they took. Its script is tags/static/tags/run.js."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.events.reading import current_position
from tags.models import FlowExecution, ProcessingStatus
from tags.models.execution import TASK_NAME_LENGTH
from tags.review.access import desk, page_of
from tags.review.history import tag_look
from tags.review.people import people
from tags.review.run_query import PAGE, TAGS, Row, RunQuery, Totals, Wanted
from tags.review.values import show
from tags.review.waterfall import Bar, Waterfall
from tags.review.words import duration_text, split_name, status_word

_MOST_TASKS = 1_000_000
# Always there, so that no figure moves when another one comes.
_USUAL = ["failed", "running", "queued", "completed"]


class WantedForm(forms.Form):
    """Which tasks of the run; what is absent is not asked for."""

    q = forms.CharField(max_length=TASK_NAME_LENGTH, required=False)
    status = forms.ChoiceField(choices=ProcessingStatus.choices, required=False)
    only_waiting = forms.BooleanField(required=False)
    step = forms.CharField(max_length=TASK_NAME_LENGTH, required=False, strip=False)
    offset = forms.IntegerField(min_value=0, max_value=_MOST_TASKS, required=False)

    @property
    def wanted(self) -> Wanted:
        """Everything, for a form that is not valid."""
        if not self.is_valid():
            return Wanted()
        return Wanted(**{name: value for name, value in self.cleaned_data.items() if value})


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: Row
    names: tuple[str, str]
    statuses: list[tuple[str, str, int]]  # status, its word, and how many tasks have it
    begins: str
    takes: str
    span: Bar | None
    bars: list[Bar]
    tags: list[tuple[str, str, str]]
    more_tags: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`kind` is the status by which it is coloured."""

    kind: str
    name: str
    count: int
    query: str
    is_chosen: bool


@require_safe
@page_of()
def run(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    form = WantedForm(request.GET)
    wanted = form.wanted
    with in_organization(caller.organization_id):
        executions = FlowExecution.objects.in_organization(caller.organization_id).not_deleted()
        execution: FlowExecution | None = executions.filter(id=id).select_related("flow").first()
        if execution is None:
            raise NotFound("Not found")
        # Before all else, so that the page hears again of what it may just have missed.
        position = current_position(caller.organization_id)
        waiting = waiting_tags(caller.organization_id)
        query = RunQuery(caller.organization_id, execution.id, waiting)
        totals = query.totals()
        waterfall = Waterfall(totals, timezone.now())
        rows, has_more = query.rows(wanted)
        shown = _shown(query, rows, waterfall, waiting)
        modified_by = people(caller, [execution.modified_by])[execution.modified_by]
    context = {
        "execution": execution,
        "position": position,
        "form": form,
        "wanted": wanted,
        "totals": totals,
        "choices": _choices(totals, wanted),
        "rows": shown,
        "ticks": waterfall.ticks,
        "previous": _query(wanted, offset=max(0, wanted.offset - PAGE)) if wanted.offset else "",
        "next": _query(wanted, offset=wanted.offset + PAGE) if has_more else "",
        "started": waterfall.start,
        "duration": duration_text(waterfall.duration),
        "modified_by": modified_by,
        "input": show(execution.input) if execution.input else None,
        "section": "",
    }
    return desk(request, caller, "review/run.html", context)


def _query(wanted: Wanted, **changes: Any) -> str:
    names = ("q", "status", "only_waiting", "step")
    values = {name: getattr(wanted, name) for name in names} | changes
    return "?" + urlencode({name: "1" if value is True else value for name, value in values.items() if value})


def _choices(totals: Totals, wanted: Wanted) -> list[Choice]:
    all_of_them = Choice(
        "",
        _("All"),
        totals.tasks,
        _query(wanted, status="", only_waiting=False),
        not (wanted.status or wanted.only_waiting),
    )
    waiting = Choice(
        "waits", _("Waiting"), totals.waiting, _query(wanted, status="", only_waiting=True), wanted.only_waiting
    )
    statuses = [*_USUAL, *sorted(set(totals.statuses) - set(_USUAL))]
    return [
        all_of_them,
        waiting,
        *(
            Choice(
                status,
                status_word(status),
                totals.statuses.get(status, 0),
                _query(wanted, status=status, only_waiting=False),
                wanted.status == status,
            )
            for status in statuses
        ),
    ]


def _shown(query: RunQuery, rows: list[Row], waterfall: Waterfall, waiting: list[str]) -> list[ShownRow]:
    """Inside `in_organization`; two statements."""
    every = zip(rows, query.tries(rows), query.tags(rows), strict=True)
    return [
        ShownRow(
            row=row,
            names=(row.name, "") if row.is_of_many else split_name(row.name),
            statuses=_statuses(row),
            begins=duration_text(row.started - waterfall.start) if row.started and waterfall.start else "",
            takes=_takes(row, waterfall),
            span=waterfall.span(row.started, row.completed) if row.is_of_many else None,
            bars=waterfall.bars(tries),
            tags=[(tag, tag_type, tag_look(tag, tag_type, waiting)) for tag, tag_type in tags[:TAGS]],
            more_tags=max(0, len(tags) - TAGS),
        )
        for row, tries, tags in every
    ]


def _statuses(row: Row) -> list[tuple[str, str, int]]:
    return [(status, status_word(status), count) for status, count in Counter(row.statuses).most_common()]


def _takes(row: Row, waterfall: Waterfall) -> str:
    """So far, for what runs; nothing if the times say nothing."""
    until = waterfall.end if row.goes_on else row.completed
    if row.started is None or until is None or until < row.started:
        return ""
    took: timedelta = until - row.started
    return f"{duration_text(took)}…" if row.goes_on else duration_text(took)

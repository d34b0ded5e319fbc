"""`/runs/<id>`: one run of a flow, with its tasks along the time they took."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.events.reading import current_position
from tags.models import FlowExecution, ProcessingStatus, TaskExecution, TaskTag
from tags.review.access import desk, page_of
from tags.review.history import tag_look
from tags.review.people import people
from tags.review.task import duration
from tags.review.values import show
from tags.review.words import duration_text, split_name

MOST_TASKS = 1_000
_MOST_RECORDS = 5_000
_MOST_TAGS = 5_000
# The width of the waterfall in its own units; a bar is never narrower than can be seen.
WIDTH = 1_000
_NARROWEST = 6


@dataclass(slots=True)
class Bar:
    """One try of a task on the waterfall."""

    status: str
    x: float
    width: float


@dataclass(slots=True)
class Task:
    """`id` and `status` are of its newest try; the times span all of them."""

    name: str
    id: UUID
    status: str
    tries: int
    started: datetime | None
    ended: datetime | None
    records: list[dict[str, Any]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tags: list[tuple[str, str, str]] = field(default_factory=list)
    offset: timedelta | None = None

    @property
    def duration(self) -> str:
        return duration_text(duration(self.started, self.ended))

    @property
    def names(self) -> tuple[str, str]:
        return split_name(self.name)

    @property
    def status_word(self) -> str:
        return str(ProcessingStatus(self.status).label)

    @property
    def begins(self) -> str:
        """After the run's beginning."""
        return duration_text(self.offset)


@require_safe
@page_of()
def run(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    with in_organization(caller.organization_id):
        executions = FlowExecution.objects.in_organization(caller.organization_id).not_deleted()
        execution: FlowExecution | None = executions.filter(id=id).select_related("flow").first()
        if execution is None:
            raise NotFound("Not found")
        # Before all else, so that the page hears again of what it may just have missed.
        position = current_position(caller.organization_id)
        tasks, count = _tasks(caller, execution)
        modified_by = people(caller, [execution.modified_by])[execution.modified_by]
    started = min((task.started for task in tasks if task.started), default=None)
    ended = max((task.ended for task in tasks if task.ended), default=None)
    _place(tasks, started, ended)
    context = {
        "execution": execution,
        "position": position,
        "tasks": tasks,
        "task_count": count,
        "tasks_left_out": count - len(tasks),
        "started": started,
        "ended": ended,
        "duration": duration_text(duration(started, ended)),
        "modified_by": modified_by,
        "input": show(execution.input) if execution.input else None,
        "section": "",
    }
    return desk(request, caller, "review/run.html", context)


def _tasks(caller: Caller, execution: FlowExecution) -> tuple[list[Task], int]:
    """The first tasks by their start, and how many there are. Inside `in_organization`."""
    records = TaskExecution.objects.in_organization(caller.organization_id).filter(flow_execution_id=execution.id)
    count = records.aggregate(count=Count("task_name", distinct=True))["count"]
    rows = records.order_by(F("started_at").asc(nulls_last=True), "created_at", "id").values(
        "id", "task_name", "task_execution_idx", "processing_status", "started_at", "completed_at"
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows[:_MOST_RECORDS]:
        if row["task_name"] in found or len(found) < MOST_TASKS:
            found[row["task_name"]].append(row)
    waiting = waiting_tags(caller.organization_id)
    tags: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    active = TaskTag.objects.in_organization(caller.organization_id).filter(flow_execution_id=execution.id)
    for name, tag, tag_type in active.order_by("created_at", "id").values_list("task_name", "tag", "tag_type")[
        :_MOST_TAGS
    ]:
        tags[name].append((tag, tag_type, tag_look(tag, tag_type, waiting)))
    return [_task(name, members, tags[name]) for name, members in found.items()], count


def _task(name: str, records: list[dict[str, Any]], tags: list[tuple[str, str, str]]) -> Task:
    newest = max(records, key=lambda record: int(record["task_execution_idx"]))
    started = min((record["started_at"] for record in records if record["started_at"]), default=None)
    ended = max((record["completed_at"] for record in records if record["completed_at"]), default=None)
    if newest["completed_at"] is None:
        ended = None
    task = Task(name, newest["id"], newest["processing_status"], len(records), started, ended, records)
    task.tags = tags
    return task


def _place(tasks: list[Task], start: datetime | None, end: datetime | None) -> None:
    """Where the bars stand between the first start and the last end."""
    if start is None:
        return
    span = (end - start).total_seconds() if end and end > start else 0
    for task in tasks:
        task.offset = task.started - start if task.started else None
        for record in task.records:
            if record["started_at"] is None:
                continue
            x = (record["started_at"] - start).total_seconds() / span * WIDTH if span else 0.0
            until = record["completed_at"] or end or start
            width = max(0.0, (until - record["started_at"]).total_seconds()) / span * WIDTH if span else WIDTH
            width = min(WIDTH, max(_NARROWEST, width))
            task.bars.append(Bar(record["processing_status"], round(min(x, WIDTH - width), 1), round(width, 1)))

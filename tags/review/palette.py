"""`/palette`: what the command palette finds by name or id; what else it has, it finds on the page."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.db.tenancy import in_organization
from tags.models import FlowExecution, TaskExecution
from tags.review.access import page_of
from tags.review.inbox_rows import short_age
from tags.review.words import split_name

_LONGEST = 200
# So many hexadecimal digits are taken for the beginning of an id.
_ID_DIGITS = 8
# Names are looked for among what waits the longest and what was reported last; the inbox searches further.
_SEARCHED = 1000
_MOST = 6

_BY_NAME = """
    WITH candidates AS (
        (SELECT flow_execution_id, task_name, true AS is_waiting FROM task_tag
         WHERE organization_id = %(organization_id)s AND status = 'active' AND tag = ANY(%(waiting)s::text[])
         ORDER BY created_at LIMIT %(searched)s)
        UNION ALL
        (SELECT flow_execution_id, task_name, false FROM task_execution WHERE organization_id = %(organization_id)s
         ORDER BY created_at DESC, id DESC LIMIT %(searched)s)
    ), found AS (
        SELECT flow_execution_id, task_name, bool_or(is_waiting) AS is_waiting,
               strpos(lower(task_name), lower(%(q)s::text)) > 1 AS is_inside, length(task_name) AS length
        FROM candidates WHERE strpos(lower(task_name), lower(%(q)s::text)) > 0
        GROUP BY flow_execution_id, task_name
    )
    SELECT run.id, found.task_name, flow.name, run.created_at, found.is_waiting
    FROM found
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = found.flow_execution_id AND flow_execution.status <> 'deleted'
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM task_execution WHERE organization_id = %(organization_id)s
         AND flow_execution_id = found.flow_execution_id AND task_name = found.task_name
        ORDER BY task_execution_idx DESC LIMIT 1
    ) AS run
    ORDER BY found.is_inside, found.length, NOT found.is_waiting, found.flow_execution_id DESC LIMIT %(most)s
"""
# Of each flow of that name the newest run.
_RUNS = """
    SELECT run.id, flow.name, run.created_at FROM flow CROSS JOIN LATERAL (
        SELECT id, created_at FROM flow_execution
        WHERE organization_id = %(organization_id)s AND flow_id = flow.id AND status <> 'deleted'
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS run
    WHERE flow.organization_id = %(organization_id)s AND strpos(lower(flow.name), lower(%(q)s::text)) > 0
    ORDER BY run.created_at DESC LIMIT %(most)s
"""


@require_safe
@page_of()
def palette(request: HttpRequest, caller: Caller) -> JsonResponse:
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:_LONGEST]
    return JsonResponse({"items": [*_found(caller, wanted), *_searches(wanted)] if wanted else []})


def _found(caller: Caller, wanted: str) -> list[dict[str, Any]]:
    if len(wanted) < 2:
        return []
    with in_organization(caller.organization_id):
        ids = _ids(wanted)
        if ids is not None:
            return [*_tasks_by_id(caller, *ids), *_runs_by_id(caller, *ids)]
        return [*_tasks_by_name(caller, wanted), *_runs_by_name(caller, wanted)]


def _ids(wanted: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begins so; None if it is not the beginning of one."""
    digits = wanted.replace("-", "").lower()
    if not _ID_DIGITS <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _tasks_by_id(caller: Caller, first: UUID, last: UUID) -> list[dict[str, Any]]:
    records = TaskExecution.objects.in_organization(caller.organization_id).of_live_executions()
    rows = records.filter(id__range=(first, last)).order_by("id")
    return [
        _task(*row) for row in rows.values_list("id", "task_name", "flow_execution__flow__name", "created_at")[:_MOST]
    ]


def _runs_by_id(caller: Caller, first: UUID, last: UUID) -> list[dict[str, Any]]:
    executions = FlowExecution.objects.in_organization(caller.organization_id).not_deleted()
    rows = executions.filter(id__range=(first, last)).order_by("id")
    return [_run(*row) for row in rows.values_list("id", "flow__name", "created_at")[:_MOST]]


def _tasks_by_name(caller: Caller, wanted: str) -> list[dict[str, Any]]:
    return [_task(*row) for row in _rows(_BY_NAME, caller, wanted)]


def _runs_by_name(caller: Caller, wanted: str) -> list[dict[str, Any]]:
    return [_run(*row) for row in _rows(_RUNS, caller, wanted)]


def _rows(statement: str, caller: Caller, wanted: str) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "organization_id": caller.organization_id,
        "waiting": waiting_tags(caller.organization_id),
        "q": wanted,
        "searched": _SEARCHED,
        "most": _MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _task(id: UUID, task_name: str, flow_name: str, created_at: datetime, is_waiting: bool = False) -> dict[str, Any]:
    facts = [flow_name, short_age(created_at, timezone.now()), *([_("waits")] if is_waiting else [])]
    return {
        "group": _("Tasks"),
        "label": split_name(task_name)[0],
        "detail": " · ".join(facts),
        "path": reverse("task", args=[id]),
    }


def _run(id: UUID, flow_name: str, created_at: datetime) -> dict[str, Any]:
    return {
        "group": _("Runs"),
        "label": flow_name,
        "detail": short_age(created_at, timezone.now()),
        "path": reverse("run", args=[id]),
    }


def _searches(wanted: str) -> list[dict[str, Any]]:
    inbox = reverse("inbox")
    return [
        {
            "group": _("Search"),
            "label": _("Search what waits for “%(words)s”") % {"words": wanted},
            "path": f"{inbox}?{urlencode({'q': wanted})}",
        },
        {
            "group": _("Search"),
            "label": _("Search all tasks for “%(words)s”") % {"words": wanted},
            "path": f"{inbox}?{urlencode({'show': 'all', 'q': wanted})}",
        },
    ]

"""The figures of Insights; docs/insights.md says what each means. Everything here runs inside `in_organization`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from tags.db.rows import stream_sql
from tags.review.insights_period import Period

# Flows, tasks and reviewers that are read for a page, the busiest; a download has them all.
MOST_GROUPS = 1_000
_ALL = 2**31 - 1

# Calls of one step are one task here: `extract [8d2c…]` of each span, `load[7]` of a mapped task.
STEP = r"""
    CASE WHEN task_name NOT LIKE '%%]' THEN task_name
         ELSE regexp_replace(task_name, '(\S) \[[0-9a-f]+\]$|(\S)\[[0-9]+\]$', '\1\2') END
"""
# So much for each sort of the transaction: a hundred thousand decisions are sorted five times, and not on disk.
_MEMORY = "SET LOCAL work_mem = '64MB'"
_OF_FLOW = """
    AND flow_id = (SELECT flow.id FROM flow WHERE flow.organization_id = %(organization_id)s AND flow.name = %(flow)s)
"""
_FIGURES = f"""
    SELECT of_day, of_flow, of_step, of_user, day, flow.name, step, user_id,
           approved, rejected, flagged, waited[1], waited[2]
    FROM (
        SELECT day, flow_id, step, user_id, GROUPING(day) = 0 AS of_day, GROUPING(flow_id) = 0 AS of_flow,
               GROUPING(step) = 0 AS of_step, GROUPING(user_id) = 0 AS of_user,
               count(*) FILTER (WHERE kind = 'approve') AS approved,
               count(*) FILTER (WHERE kind = 'reject') AS rejected,
               count(*) FILTER (WHERE kind = 'flag') AS flagged,
               percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY waited) AS waited,
               row_number() OVER (
                   PARTITION BY GROUPING(day, flow_id, step, user_id) ORDER BY count(*) DESC, flow_id, step, user_id
               ) AS place
        FROM (
            SELECT kind, user_id, flow_id, {STEP} AS step, (decided_at AT TIME ZONE 'UTC')::date AS day,
                   date_part('epoch', decided_at - waiting_since) AS waited
            FROM decided_task
            WHERE organization_id = %(organization_id)s AND undone_at IS NULL
              AND decided_at >= %(since)s AND decided_at < %(until)s {{of_flow}}
        ) AS decided
        GROUP BY GROUPING SETS ((), (day), (flow_id), (flow_id, step), (user_id))
    ) AS figures
    LEFT JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = figures.flow_id
    WHERE of_day OR place <= %(most)s
"""
# A task waits since the oldest of its waiting tags, as in the inbox. Tags, then tasks are grouped before anything else
# is known of them: a hundred thousand may wait.
_BACKLOG = f"""
    SELECT of_age, of_flow, of_step, age, flow.name, step, tasks, oldest
    FROM (
        SELECT age, flow_id, step, GROUPING(age) = 0 AS of_age, GROUPING(flow_id) = 0 AS of_flow,
               GROUPING(step) = 0 AS of_step, coalesce(sum(tasks), 0)::bigint AS tasks, max(oldest) AS oldest,
               row_number() OVER (PARTITION BY GROUPING(age, flow_id, step) ORDER BY sum(tasks) DESC, flow_id, step)
                   AS place
        FROM (
            SELECT flow_id, {STEP} AS step, width_bucket(seconds, %(ages)s::float8[]) AS age, count(*) AS tasks,
                   max(seconds) AS oldest
            FROM (
                SELECT flow_execution_id, task_name, date_part('epoch', now() - min(created_at)) AS seconds
                FROM task_tag
                WHERE organization_id = %(organization_id)s AND status = 'active'
                  AND tag = ANY(%(waiting)s::text[])
                GROUP BY flow_execution_id, task_name
            ) AS task
            JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
             AND flow_execution.id = task.flow_execution_id
            WHERE flow_execution.status <> 'deleted' {{of_flow}}
            GROUP BY flow_id, step, age
        ) AS alike
        GROUP BY GROUPING SETS ((), (age), (flow_id), (flow_id, step))
    ) AS figures
    LEFT JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = figures.flow_id
    WHERE of_age OR place <= %(most)s
"""
_DECISIONS = """
    SELECT decided_task.decided_at, decided_task.kind, decided_task.user_id, flow.name, decided_task.task_name,
           decided_task.flow_execution_id,
           date_part('epoch', decided_task.decided_at - decided_task.waiting_since)
    FROM decided_task
    JOIN flow ON flow.organization_id = decided_task.organization_id AND flow.id = decided_task.flow_id
    WHERE decided_task.organization_id = %(organization_id)s AND decided_task.undone_at IS NULL
      AND decided_task.decided_at >= %(since)s AND decided_task.decided_at < %(until)s {of_flow}
    ORDER BY decided_task.decided_at, decided_task.id
"""

# Seconds at which the next class of age begins.
AGES = [3_600, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400]


@dataclass(slots=True)
class Figures:
    """Of a day, a flow, a task, a reviewer, or of everything. Seconds, None where nothing was measured."""

    approved: int = 0
    rejected: int = 0
    flagged: int = 0
    median: float | None = None
    ninetieth: float | None = None
    waiting: int = 0
    oldest: float | None = None

    @property
    def decisions(self) -> int:
        return self.approved + self.rejected + self.flagged


@dataclass(slots=True)
class Insights:
    """A task is named by its flow and its step."""

    total: Figures = field(default_factory=Figures)
    days: dict[date, Figures] = field(default_factory=dict)
    ages: dict[int, int] = field(default_factory=dict)
    flows: dict[str, Figures] = field(default_factory=dict)
    tasks: dict[tuple[str, str], Figures] = field(default_factory=dict)
    reviewers: dict[UUID, Figures] = field(default_factory=dict)


def insights(organization_id: UUID, waiting: list[str], period: Period, most: int = MOST_GROUPS) -> Insights:
    """What was decided in the period, and what waits now; a statement for each."""
    found = Insights(days={day: Figures() for day in period.each_day}, ages=dict.fromkeys(range(len(AGES) + 1), 0))
    parameters = {**_parameters(organization_id, period), "most": most, "waiting": waiting, "ages": AGES}
    of_flow = _OF_FLOW if period.flow else ""
    with connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        cursor.execute(_FIGURES.format(of_flow=of_flow), parameters)
        for row in cursor.fetchall():
            _take_decided(found, row)
        cursor.execute(_BACKLOG.format(of_flow=of_flow), parameters)
        for row in cursor.fetchall():
            _take_waiting(found, row)
    return found


def all_insights(organization_id: UUID, waiting: list[str], period: Period) -> Insights:
    """With every flow, task and reviewer."""
    return insights(organization_id, waiting, period, _ALL)


def decisions(organization_id: UUID, period: Period) -> Iterator[tuple[Any, ...]]:
    """Each decision of the period, the first one first: time, kind, reviewer, flow, task, run, seconds waited."""
    statement = _DECISIONS.format(of_flow=_OF_FLOW if period.flow else "")
    return stream_sql(statement, _parameters(organization_id, period))


def _parameters(organization_id: UUID, period: Period) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "since": period.since,
        "until": period.until,
        "flow": period.flow,
    }


def _take_decided(found: Insights, row: tuple[Any, ...]) -> None:
    of_day, of_flow, of_step, of_user, day, flow, step, user_id, *figures = row
    if of_day:
        found.days[day] = Figures(*figures)
    elif of_step:
        found.tasks[flow, step] = Figures(*figures)
    elif of_flow:
        found.flows[flow] = Figures(*figures)
    elif of_user:
        found.reviewers[user_id] = Figures(*figures)
    else:
        found.total = Figures(*figures)


def _take_waiting(found: Insights, row: tuple[Any, ...]) -> None:
    of_age, of_flow, of_step, age, flow, step, tasks, oldest = row
    if of_age:
        found.ages[age] = tasks
        return
    if of_step:
        figures = found.tasks.setdefault((flow, step), Figures())
    elif of_flow:
        figures = found.flows.setdefault(flow, Figures())
    else:
        figures = found.total
    figures.waiting, figures.oldest = tasks, oldest

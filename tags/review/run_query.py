"""The tasks of a run as its page lists them: in the order in which they began, mapped ones as one row.

Everything here runs inside `in_organization`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tags.review.insights_query import STEP

PAGE = 100
# Calls of one step, or parts of a mapped task, from which on they are one row.
_MANY = 5
# Tries that a row draws, and tags that it shows.
TRIES = 60
TAGS = 2

_TASKS = f"""
    WITH task AS (
        SELECT task_name, {STEP} AS step, min(started_at) AS started, max(completed_at) AS completed,
               min(created_at) AS created, count(*) AS tries,
               (array_agg(id ORDER BY task_execution_idx DESC))[1] AS id,
               (array_agg(processing_status ORDER BY task_execution_idx DESC))[1] AS status,
               bool_or(completed_at IS NULL AND started_at IS NOT NULL AND processing_status = 'running') AS goes_on
        FROM task_execution
        WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s
        GROUP BY task_name
    ), waiting AS (
        SELECT DISTINCT task_name FROM task_tag
        WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s
          AND status = 'active' AND tag = ANY(%(waiting)s::text[])
    )
"""
_TOTALS = f"""
    {_TASKS}
    SELECT status, count(*), count(waiting.task_name), min(started), max(completed), bool_or(goes_on)
    FROM task LEFT JOIN waiting USING (task_name) GROUP BY status
"""
_ROWS = f"""
    {_TASKS}, listed AS (
        SELECT task.*, waiting.task_name IS NOT NULL AS waits,
               %(step)s = '' AND count(*) OVER (PARTITION BY step) > %(many)s AS is_of_many
        FROM task LEFT JOIN waiting USING (task_name)
        WHERE (%(status)s = '' OR status = %(status)s) AND (%(step)s = '' OR step = %(step)s)
          AND (NOT %(only_waiting)s OR waiting.task_name IS NOT NULL)
          AND (%(q)s = '' OR strpos(lower(task_name), lower(%(q)s)) > 0)
    )
    SELECT CASE WHEN is_of_many THEN step ELSE task_name END AS name, is_of_many,
           array_agg(task_name ORDER BY started, task_name), (array_agg(id))[1], array_agg(status), sum(tries)::int,
           min(started),
           CASE WHEN NOT bool_or(goes_on) THEN max(completed) END, bool_or(goes_on), count(*) FILTER (WHERE waits)
    FROM listed GROUP BY name, is_of_many
    ORDER BY min(started) NULLS LAST, min(created), name LIMIT %(limit)s OFFSET %(offset)s
"""
_TRIES = """
    SELECT wanted.ordinal, try.processing_status, try.started_at, try.completed_at
    FROM unnest(%(ordinals)s::int[], %(names)s::text[]) AS wanted(ordinal, task_name)
    JOIN task_execution AS try ON try.organization_id = %(organization_id)s
     AND try.flow_execution_id = %(flow_execution_id)s AND try.task_name = wanted.task_name
    WHERE try.started_at IS NOT NULL
    ORDER BY wanted.ordinal, try.started_at, try.task_execution_idx
"""
_TAGS = """
    SELECT wanted.ordinal, task_tag.tag, min(task_tag.tag_type)
    FROM unnest(%(ordinals)s::int[], %(names)s::text[]) AS wanted(ordinal, task_name)
    JOIN task_tag ON task_tag.organization_id = %(organization_id)s
     AND task_tag.flow_execution_id = %(flow_execution_id)s AND task_tag.task_name = wanted.task_name
     AND task_tag.status = 'active'
    GROUP BY wanted.ordinal, task_tag.tag
    ORDER BY wanted.ordinal, task_tag.tag = ANY(%(waiting)s::text[]) DESC, min(task_tag.created_at), task_tag.tag
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks are asked for, from which place in their order on."""

    q: str = ""
    status: str = ""
    only_waiting: bool = False
    step: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the whole run. `goes_on`: something runs now."""

    statuses: dict[str, int]
    waiting: int
    started: datetime | None
    completed: datetime | None
    goes_on: bool

    @property
    def tasks(self) -> int:
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Try:
    status: str
    started: datetime
    completed: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """A task, or many of one step; `id` is of the task's newest try."""

    name: str
    is_of_many: bool
    task_names: list[str]
    id: UUID
    statuses: list[str]
    tries: int
    started: datetime | None
    completed: datetime | None
    goes_on: bool
    waiting: int


class RunQuery:
    def __init__(self, organization_id: UUID, flow_execution_id: UUID, waiting: list[str]) -> None:
        self._parameters: dict[str, Any] = {
            "organization_id": organization_id,
            "flow_execution_id": flow_execution_id,
            "waiting": waiting,
            "many": _MANY,
        }

    def totals(self) -> Totals:
        rows = self._fetch(_TOTALS)
        return Totals(
            {row[0]: row[1] for row in rows},
            sum(row[2] for row in rows),
            min((row[3] for row in rows if row[3]), default=None),
            max((row[4] for row in rows if row[4]), default=None),
            any(row[5] for row in rows),
        )

    def rows(self, wanted: Wanted) -> tuple[list[Row], bool]:
        """A page of them, and whether there are more."""
        rows = self._fetch(
            _ROWS,
            q=wanted.q,
            status=wanted.status,
            only_waiting=wanted.only_waiting,
            step=wanted.step,
            offset=wanted.offset,
            limit=PAGE + 1,
        )
        return [Row(*row) for row in rows[:PAGE]], len(rows) > PAGE

    def tries(self, rows: list[Row]) -> list[list[Try]]:
        """Of each row, the first ones."""
        found: list[list[Try]] = [[] for _ in rows]
        for ordinal, *values in self._fetch(_TRIES, **_places(rows, TRIES)):
            if len(found[ordinal]) < TRIES:
                found[ordinal].append(Try(*values))
        return found

    def tags(self, rows: list[Row]) -> list[list[tuple[str, str]]]:
        """Of each row its tags and their types; those for which it waits first."""
        found: list[list[tuple[str, str]]] = [[] for _ in rows]
        for ordinal, tag, tag_type in self._fetch(_TAGS, **_places(rows, TRIES)):
            found[ordinal].append((tag, tag_type))
        return found

    def _fetch(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, **parameters})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _places(rows: list[Row], most: int) -> dict[str, Any]:
    """The tasks of the rows, each with its row's number; of a row the first so many."""
    pairs = [(ordinal, name) for ordinal, row in enumerate(rows) for name in row.task_names[:most]]
    return {"ordinals": [ordinal for ordinal, _name in pairs], "names": [name for _ordinal, name in pairs]}

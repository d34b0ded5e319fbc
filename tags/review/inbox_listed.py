"""Which tasks a list has, in order: the statements that find them. Everything here runs inside `in_organization`.

A page never costs more than a window of the list: the next so many rows in the order of an index are looked at, and
what else is asked for is asked of those alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tags.actions.decisions import Task
from tags.db import exact_json
from tags.review.inbox_filter import AGES, NO_TAG, Cursor, Filter

# Rows of the index that one page looks at where the index alone has the answer: enough for a page, and for some tasks
# with two tags or of deleted flow executions.
_WINDOW = 150

# The tags at which tasks may be listed.
_TAGS = """
    SELECT tagged.* FROM unnest(%(tags)s::text[]) AS wanted(tag) CROSS JOIN LATERAL (
        SELECT created_at AS since, id, flow_execution_id, task_name, tag_type, modified_by
        FROM task_tag
        WHERE organization_id = %(organization_id)s AND tag = wanted.tag AND status = 'active' {range}
        ORDER BY {order} LIMIT {window}
    ) AS tagged ORDER BY {order} LIMIT {window}
"""
# The runs at which tasks may be listed, where all are.
_RUNS = """
    SELECT created_at AS since, id, flow_execution_id, task_name
    FROM task_execution
    WHERE organization_id = %(organization_id)s {range}
    ORDER BY {order} LIMIT {window}
"""
# The flow execution of what was looked at, if it is not deleted; LIMIT keeps the planner to one look into the index for
# each, where it would rather read the whole table.
FLOW_EXECUTION = """
    CROSS JOIN LATERAL (
        SELECT id, flow_id FROM flow_execution
        WHERE organization_id = %(organization_id)s AND id = looked.flow_execution_id AND status <> 'deleted' LIMIT 1
    ) AS flow_execution
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
"""
# Each row begins with how many were looked at, and where the last of them stands. What makes a task be listed once is
# asked last, behind OFFSET 0: row by row, until the page is full.
_LISTED = """
    WITH looked AS MATERIALIZED ({looked}), asked AS (
        SELECT looked.since, looked.id, looked.flow_execution_id, looked.task_name, flow.name AS flow_name
        FROM looked {flow_execution} WHERE true {conditions}
        ORDER BY {sort} OFFSET 0
    ), listed AS (
        SELECT * FROM asked WHERE id = ({first}) ORDER BY {sort} LIMIT {limit}
    )
    SELECT (SELECT count(*) FROM looked), edge.since, edge.id, listed.*
    FROM (SELECT since, id FROM looked ORDER BY {last_first} LIMIT 1) AS edge LEFT JOIN listed ON true
    ORDER BY {listed_sort}
"""
# A task is listed at the oldest of its tags that are asked for, ...
_FIRST_TAG = """
    SELECT other.id FROM task_tag AS other
    WHERE other.organization_id = %(organization_id)s AND other.flow_execution_id = {flow_execution_id}
      AND other.task_name = {task_name} AND other.status = 'active' AND other.tag = ANY(%(tags)s::text[]) {same_tag}
    ORDER BY other.created_at, other.id LIMIT 1
"""
# ... or at its newest run.
_NEWEST_RUN = """
    SELECT other.id FROM task_execution AS other
    WHERE other.organization_id = %(organization_id)s AND other.flow_execution_id = {flow_execution_id}
      AND other.task_name = {task_name}
    ORDER BY other.task_execution_idx DESC LIMIT 1
"""
# By its id, which is known before any row is asked for it; the name would be asked for after all else.
_OF_FLOW = """
    flow_execution.flow_id = (
        SELECT id FROM flow WHERE organization_id = %(organization_id)s AND name = %(flow)s
    )
"""
_NEWEST_STATUS = """(
    SELECT run.processing_status FROM task_execution AS run
    WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = flow_execution.id
      AND run.task_name = looked.task_name
    ORDER BY run.task_execution_idx DESC LIMIT 1
)"""
_CARRIES = """
    EXISTS (
        SELECT FROM task_tag AS carried
        WHERE carried.organization_id = %(organization_id)s AND carried.flow_execution_id = flow_execution.id
          AND carried.task_name = looked.task_name AND carried.status = 'active' {same_tag}
    )
"""
# A word as it is written, or as it is written inside a JSON text.
_FOUND = """(
    strpos(lower(looked.task_name), lower(%(q)s::text)) > 0 OR strpos(lower(flow.name), lower(%(q)s::text)) > 0 OR (
        SELECT strpos(lower(run.output::text), lower(%(json_q)s::text)) > 0
            OR strpos(lower(run.error::text), lower(%(json_q)s::text)) > 0
            OR strpos(lower(run.input::text), lower(%(json_q)s::text)) > 0
        FROM task_execution AS run
        WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = flow_execution.id
          AND run.task_name = looked.task_name
        ORDER BY run.task_execution_idx DESC LIMIT 1
    )
)"""
# Where one task stands.
_KEY = """
    SELECT one.created_at, one.id, one.flow_execution_id, one.task_name, flow.name
    FROM {table} AS one
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = one.flow_execution_id
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    WHERE one.organization_id = %(organization_id)s AND one.id = ({first})
"""
_NAMES = {"flow": "flow_name", "task": "task_name"}


@dataclass(frozen=True, slots=True)
class Key:
    """A listed task, and where it stands in the list."""

    since: datetime
    id: UUID
    flow_execution_id: UUID
    task_name: str
    flow_name: str

    @property
    def task(self) -> Task:
        return self.flow_execution_id, self.task_name

    def cursor(self, sort: str) -> Cursor:
        return Cursor(sort, self.since, self.id, {"flow": self.flow_name, "task": self.task_name}.get(sort, ""))


@dataclass(frozen=True, slots=True)
class Keys:
    """`looked` rows were looked at; `edge` is where the last of them stands, if there may be more behind it."""

    found: list[Key]
    looked: int
    edge: Cursor | None


class Listed:
    """The tasks that a filter lists, in an organization where these tags mean waiting."""

    def __init__(self, organization_id: UUID, waiting: Sequence[str], wanted: Filter) -> None:
        self.wanted = wanted
        self.by_tag = not wanted.shows_all or wanted.tag not in ("", NO_TAG)
        # A tag that makes nothing wait only narrows what waits.
        names_one = wanted.tag and (wanted.shows_all or wanted.tag in waiting)
        self._narrows = bool(wanted.tag) and self.by_tag and not names_one
        self.is_sorted_by_name = wanted.sort in _NAMES
        self.parameters: dict[str, Any] = {
            "organization_id": organization_id,
            "tags": [wanted.tag] if names_one else list(waiting),
            "waiting": list(waiting),
            "tag": wanted.tag,
            "tag_type": wanted.tag_type,
            "actor": wanted.actor,
            "flow": wanted.flow,
            "status": wanted.status,
            "task": wanted.task,
            "q": wanted.q,
            "json_q": exact_json.dumps(wanted.q)[1:-1],
        }
        if wanted.age:
            self.parameters["moment"] = timezone.now() - AGES[wanted.age]

    @property
    def is_indexed(self) -> bool:
        """Whether an index has the answer; else a page asks each row that it looks at."""
        wanted = self.wanted
        others = (wanted.q, wanted.flow, wanted.task, wanted.tag_type, wanted.actor, self._narrows)
        return not any(others) and not (wanted.status and self.by_tag) and wanted.tag != NO_TAG

    def keys(self, limit: int, window: int, cursor: Cursor | None = None, *, backward: bool = False) -> Keys:
        """The next tasks behind the cursor, or before it: out of `window` rows, or of as few as do with an index."""
        if self.is_indexed and not self.is_sorted_by_name:
            window = max(_WINDOW, 2 * limit)
        is_descending = (self.wanted.sort == "newest") != backward
        # By name what has waited longest is sorted, whatever the direction.
        looks_back = is_descending and not self.is_sorted_by_name
        columns = [*filter(None, [_NAMES.get(self.wanted.sort)]), "since", "id"]
        statement = _LISTED.format(
            looked=self._looked(window, cursor, looks_back),
            flow_execution=FLOW_EXECUTION,
            first=self._first("asked.flow_execution_id", "asked.task_name"),
            conditions=_and(self._conditions(cursor, is_descending)),
            sort=_order(columns, is_descending),
            listed_sort=_order([f"listed.{column}" for column in columns], is_descending),
            last_first=_order(["since", "id"], not looks_back),
            limit=int(limit),
        )
        with connection.cursor() as executed:
            executed.execute(statement, {**self.parameters, **_of_cursor(cursor)})
            rows = executed.fetchall()
        if not rows:
            return Keys([], 0, None)
        looked, since, id = rows[0][:3]
        edge = Cursor(self.wanted.sort, since, id) if looked >= window else None
        return Keys([Key(*row[3:]) for row in rows if row[3] is not None], looked, edge)

    def key_of(self, task: Task) -> Key | None:
        """None for a task that no tag lists. Whether the rest of the filter matches is not asked."""
        first = self._first("%(flow_execution_id)s", "%(task_name)s")
        statement = _KEY.format(table="task_tag" if self.by_tag else "task_execution", first=first)
        with connection.cursor() as executed:
            executed.execute(statement, {**self.parameters, "flow_execution_id": task[0], "task_name": task[1]})
            row = executed.fetchone()
        return Key(*row) if row else None

    def of_counts(self) -> tuple[str, str]:
        """What is asked of all that waits, whatever is chosen there: of the index, and of what was looked at."""
        conditions = ["looked.tag_type = %(tag_type)s"] if self.wanted.tag_type else []
        conditions += self._narrowing()
        if self.wanted.task:
            conditions.append("looked.task_name = %(task)s")
        return _and(self._age()), _and(conditions)

    def _looked(self, window: int, cursor: Cursor | None, is_descending: bool) -> str:
        conditions = self._age()
        if not self.by_tag and self.wanted.status:
            conditions.append("processing_status = %(status)s")
        if cursor and not self.is_sorted_by_name:
            conditions.append(f"(created_at, id) {'<' if is_descending else '>'} (%(c_since)s, %(c_id)s)")
        looked = _TAGS if self.by_tag else _RUNS
        return looked.format(range=_and(conditions), order=_order(["since", "id"], is_descending), window=int(window))

    def _first(self, flow_execution_id: str, task_name: str) -> str:
        first = _FIRST_TAG if self.by_tag else _NEWEST_RUN
        same_tag = _and(f"other.{condition}" for condition in [*self._age(), *self._of_tag()])
        return first.format(flow_execution_id=flow_execution_id, task_name=task_name, same_tag=same_tag)

    def _conditions(self, cursor: Cursor | None, is_descending: bool) -> list[str]:
        """Of what was looked at."""
        conditions = [f"looked.{condition}" for condition in self._of_tag()]
        conditions += self._narrowing()
        if self.wanted.tag == NO_TAG:
            conditions.append("NOT " + _CARRIES.format(same_tag=""))
        if self.wanted.task:
            conditions.append("looked.task_name = %(task)s")
        if self.wanted.flow:
            conditions.append(_OF_FLOW)
        if self.wanted.status and self.by_tag:
            conditions.append(f"{_NEWEST_STATUS} = %(status)s")
        if self.wanted.q:
            conditions.append(_FOUND)
        if cursor and self.is_sorted_by_name:
            name = {"flow": "flow.name", "task": "looked.task_name"}[self.wanted.sort]
            sign = "<" if is_descending else ">"
            conditions.append(f"({name}, looked.since, looked.id) {sign} (%(c_name)s, %(c_since)s, %(c_id)s)")
        return conditions

    def _of_tag(self) -> list[str]:
        """What is asked of the tag at which a task is listed."""
        conditions = []
        if self.wanted.tag_type:
            conditions.append("tag_type = %(tag_type)s")
        if self.wanted.actor:
            conditions.append("modified_by = %(actor)s")
        return conditions

    def _narrowing(self) -> list[str]:
        return [_CARRIES.format(same_tag="AND carried.tag = %(tag)s")] if self._narrows else []

    def _age(self) -> list[str]:
        sign = {"": None, "older": "<"}.get(self.wanted.age, ">=")
        return [f"created_at {sign} %(moment)s"] if sign else []


def _order(columns: Sequence[str], is_descending: bool) -> str:
    return ", ".join(f"{column} DESC" if is_descending else column for column in columns)


def _of_cursor(cursor: Cursor | None) -> dict[str, Any]:
    return {"c_since": cursor.since, "c_id": cursor.id, "c_name": cursor.name} if cursor else {}


def _and(conditions: Iterable[str]) -> str:
    return "".join(f" AND {condition}" for condition in conditions)

"""Which tasks the inbox lists, and what it shows of each. Everything here runs inside `in_organization`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tags.actions.decisions import Task
from tags.db import exact_json
from tags.review.inbox_filter import AGES, NO_TAG, Cursor, Filter

PAGE = 50
# Tasks that one page of a search looks into; the next page goes on behind them.
SEARCHED = 1000
# What is counted of each waiting tag; from there on a figure is "at least".
COUNTED = 300
# What "all that match" may be.
MOST_SELECTED = 5000

# A task is listed once, at the oldest of its tags that are asked for. The subquery for that names the joined row's id,
# so that it is asked after all else, and has a LIMIT, so that it stays one look into the index for each row. Without
# CASE the planner takes the equation for one that hardly a row passes, and sorts all that waits for a page of it.
_TAGGED = """
    SELECT key.* FROM unnest(%(tags)s::text[]) AS wanted(tag) CROSS JOIN LATERAL (
        SELECT listed.created_at AS since, listed.id, flow_execution.id AS flow_execution_id, listed.task_name,
               flow.name AS flow_name
        FROM task_tag AS listed
        JOIN flow_execution ON flow_execution.organization_id = listed.organization_id
         AND flow_execution.id = listed.flow_execution_id
        JOIN flow ON flow.organization_id = flow_execution.organization_id AND flow.id = flow_execution.flow_id
        WHERE listed.organization_id = %(organization_id)s AND listed.tag = wanted.tag AND listed.status = 'active'
          AND flow_execution.status <> 'deleted' {conditions}
          AND CASE WHEN listed.id = (
              SELECT other.id FROM task_tag AS other
              WHERE other.organization_id = %(organization_id)s AND other.flow_execution_id = flow_execution.id
                AND other.task_name = listed.task_name AND other.status = 'active'
                AND other.tag = ANY(%(tags)s::text[]) {same_tag}
              ORDER BY other.created_at, other.id LIMIT 1
          ) THEN true ELSE false END
        ORDER BY {order} LIMIT {limit}
    ) AS key ORDER BY {order} LIMIT {limit}
"""
# Any task, at its newest run.
_ANY = """
    SELECT listed.created_at AS since, listed.id, listed.flow_execution_id, listed.task_name, '' AS flow_name
    FROM task_execution AS listed
    JOIN flow_execution ON flow_execution.organization_id = listed.organization_id
     AND flow_execution.id = listed.flow_execution_id
    WHERE listed.organization_id = %(organization_id)s AND flow_execution.status <> 'deleted' {conditions}
      AND CASE WHEN listed.id = (
          SELECT other.id FROM task_execution AS other
          WHERE other.organization_id = %(organization_id)s AND other.flow_execution_id = flow_execution.id
            AND other.task_name = listed.task_name
          ORDER BY other.task_execution_idx DESC LIMIT 1
      ) THEN true ELSE false END
    ORDER BY {order} LIMIT {limit}
"""
_ORDERS = {
    "oldest": ("", "since, id"),
    "newest": ("", "since DESC, id DESC"),
    "flow": ("flow.name", "flow_name, since, id"),
    "task": ("listed.task_name", "task_name, since, id"),
}
_OF_FLOW = """
    flow_execution.flow_id = (
        SELECT flow.id FROM flow WHERE flow.organization_id = %(organization_id)s AND flow.name = %(flow)s
    )
"""
_NEWEST_STATUS = """(
    SELECT run.processing_status FROM task_execution AS run
    WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = flow_execution.id
      AND run.task_name = listed.task_name
    ORDER BY run.task_execution_idx DESC LIMIT 1
)"""
_CARRIES = """
    EXISTS (
        SELECT FROM task_tag AS carried
        WHERE carried.organization_id = %(organization_id)s AND carried.flow_execution_id = flow_execution.id
          AND carried.task_name = listed.task_name AND carried.status = 'active' {same_tag}
    )
"""
# What waits, by tags, flow, status and who put the tags there; of each tag the oldest that COUNTED allows.
_COUNTS = """
    SELECT tags, flow_name, status, actors, count(*), max(of_tag) FROM (
        SELECT array_agg(DISTINCT tag) AS tags, min(flow_name) AS flow_name, min(status) AS status,
               array_agg(DISTINCT modified_by) AS actors, max(of_tag) AS of_tag
        FROM (
            SELECT wanted.tag::text, key.*, count(*) OVER (PARTITION BY wanted.tag) AS of_tag
            FROM unnest(%(tags)s::text[]) AS wanted(tag) CROSS JOIN LATERAL (
                SELECT flow_execution.id, listed.task_name, listed.modified_by::text, flow.name::text AS flow_name,
                       {newest_status}::text AS status
                FROM task_tag AS listed
                JOIN flow_execution ON flow_execution.organization_id = listed.organization_id
                 AND flow_execution.id = listed.flow_execution_id
                JOIN flow ON flow.organization_id = flow_execution.organization_id AND flow.id = flow_execution.flow_id
                WHERE listed.organization_id = %(organization_id)s AND listed.tag = wanted.tag
                  AND listed.status = 'active' AND flow_execution.status <> 'deleted' {conditions}
                ORDER BY listed.created_at, listed.id LIMIT {limit}
            ) AS key
        ) AS listed GROUP BY id, task_name
    ) AS task GROUP BY tags, flow_name, status, actors
"""
# What a row shows: nothing of it is longer than a line, and what is large is not read for it.
_DETAILS = """
    SELECT wanted.ordinal, run.id, run.task_execution_idx, run.processing_status, run.edited_status, flow.name,
           pg_column_size(run.output) > 30000, pg_column_size(run.error) > 30000,
           CASE WHEN pg_column_size(run.output) <= 30000 THEN left(run.output::text, 500) END,
           CASE WHEN pg_column_size(run.error) <= 30000 THEN left(run.error::text, 500) END,
           (
               SELECT jsonb_agg(jsonb_build_object(
                   'id', id, 'tag', tag, 'tag_type', tag_type, 'created_at', created_at, 'modified_by', modified_by,
                   'note', left(CASE WHEN jsonb_typeof(tag_metadata) = 'object' THEN coalesce(
                       tag_metadata ->> 'note', tag_metadata ->> 'why', tag_metadata ->> 'reason') END, 500),
                   'metadata', left(tag_metadata::text, 300)) ORDER BY is_waiting DESC, created_at, id)
               FROM (
                   SELECT task_tag.*, tag = ANY(%(waiting)s::text[]) AS is_waiting FROM task_tag
                   WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
                     AND task_name = wanted.task_name AND status = 'active'
                   ORDER BY is_waiting DESC, created_at, id LIMIT 12
               ) AS shown
           )::text
    FROM unnest(%(flow_execution_ids)s::uuid[], %(task_names)s::text[]) WITH ORDINALITY
         AS wanted(flow_execution_id, task_name, ordinal)
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = wanted.flow_execution_id
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    CROSS JOIN LATERAL (
        SELECT * FROM task_execution
        WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
          AND task_name = wanted.task_name
        ORDER BY task_execution_idx DESC LIMIT 1
    ) AS run
    WHERE {search}
    ORDER BY wanted.ordinal LIMIT {limit}
"""
# A word as it is written, or as it is written inside a JSON text.
_FOUND = """(
    strpos(lower(run.task_name), lower(%(q)s::text)) > 0 OR strpos(lower(flow.name), lower(%(q)s::text)) > 0
    OR strpos(lower(run.output::text), lower(%(json_q)s::text)) > 0
    OR strpos(lower(run.error::text), lower(%(json_q)s::text)) > 0
    OR strpos(lower(run.input::text), lower(%(json_q)s::text)) > 0
)"""


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
class Details:
    """Of a task's newest run. Texts of JSON, cut; None for nothing, or for what is too large to be shown."""

    task_execution_id: UUID
    idx: int
    status: str
    edited_status: str
    flow_name: str
    has_large_output: bool
    has_large_error: bool
    output: str | None
    error: str | None
    tags: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """`searched` tasks were looked into; `next` leads on, also from a page on which nothing was found."""

    rows: list[tuple[Key, Details]]
    next: Cursor | None
    searched: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """So many waiting tasks are alike in these."""

    tags: list[str]
    flow: str
    status: str
    actors: list[str]
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    groups: list[Group]
    is_cut: bool


class InboxQuery:
    """One look at the inbox of an organization."""

    def __init__(self, organization_id: UUID, waiting: Sequence[str], wanted: Filter) -> None:
        self.waiting = list(waiting)
        self.wanted = wanted
        self._by_tag = not wanted.shows_all or wanted.tag not in ("", NO_TAG)
        # The tags at which tasks are listed. A tag that makes nothing wait only narrows what waits.
        names_one = wanted.tag and (wanted.shows_all or wanted.tag in self.waiting)
        self._tags = [wanted.tag] if names_one else self.waiting
        self._parameters: dict[str, Any] = {
            "organization_id": organization_id,
            "tags": self._tags,
            "waiting": self.waiting,
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
            self._parameters["moment"] = timezone.now() - AGES[wanted.age]
        if wanted.cursor:
            cursor = wanted.cursor
            self._parameters.update({"c_since": cursor.since, "c_id": cursor.id, "c_name": cursor.name})

    def page(self) -> Page:
        """Two statements: which tasks, and what is shown of them."""
        most = SEARCHED if self.wanted.q else PAGE
        keys = self._keys(most + 1)
        looked_into = keys[:most]
        rows = self._details(looked_into, PAGE + 1)
        last = None
        if len(rows) > PAGE:
            last = rows[PAGE - 1][0]
        elif len(keys) > most:
            last = looked_into[-1]
        searched = len(looked_into) if self.wanted.q else None
        return Page(rows[:PAGE], last.cursor(self.wanted.sort) if last else None, searched)

    def matching(self) -> tuple[list[Task], bool]:
        """All that match, from the filter's cursor on, and whether there are more than MOST_SELECTED."""
        most = SEARCHED if self.wanted.q else MOST_SELECTED
        keys = self._keys(most + 1)
        found = keys[:most]
        if self.wanted.q:
            found = [key for key, _ in self._details(found, SEARCHED)]
        return [key.task for key in found], len(keys) > most

    def counts(self) -> Counts:
        """Of what waits; the filter's tag, flow, status and actor are left out, so that others can be chosen."""
        if self.wanted.tag and self.wanted.tag not in self.waiting:
            conditions = [_CARRIES.format(same_tag="AND carried.tag = %(tag)s")]
        else:
            conditions = []
        conditions += self._tag_conditions("listed", with_actor=False)
        if self.wanted.task:
            conditions.append("listed.task_name = %(task)s")
        statement = _COUNTS.format(conditions=_and(conditions), limit=COUNTED, newest_status=_NEWEST_STATUS)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, "tags": self.waiting})
            rows = cursor.fetchall()
        return Counts([Group(*row[:5]) for row in rows], any(row[5] >= COUNTED for row in rows))

    def _keys(self, limit: int) -> list[Key]:
        name, order = _ORDERS[self.wanted.sort]
        conditions = self._conditions()
        if self.wanted.cursor:
            columns = ", ".join(filter(None, [name, "listed.created_at", "listed.id"]))
            values = "%(c_name)s, %(c_since)s, %(c_id)s" if name else "%(c_since)s, %(c_id)s"
            sign = "<" if self.wanted.sort == "newest" else ">"
            conditions.append(f"({columns}) {sign} ({values})")
        statement = (_TAGGED if self._by_tag else _ANY).format(
            conditions=_and(conditions), same_tag=_and(self._tag_conditions("other")), order=order, limit=int(limit)
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, self._parameters)
            return [Key(*row) for row in cursor.fetchall()]

    def _conditions(self) -> list[str]:
        wanted = self.wanted
        conditions = []
        if self._by_tag:
            conditions += self._tag_conditions("listed")
            if wanted.tag and wanted.tag not in self._tags:
                conditions.append(_CARRIES.format(same_tag="AND carried.tag = %(tag)s"))
        else:
            conditions += self._age("listed")
            if wanted.tag == NO_TAG:
                conditions.append("NOT " + _CARRIES.format(same_tag=""))
        if wanted.task:
            conditions.append("listed.task_name = %(task)s")
        if wanted.flow:
            conditions.append(_OF_FLOW)
        if wanted.status:
            if self._by_tag:  # CASE: as in _TAGGED
                conditions.append(f"CASE WHEN {_NEWEST_STATUS} = %(status)s THEN true ELSE false END")
            else:
                conditions.append("listed.processing_status = %(status)s")
        return conditions

    def _tag_conditions(self, table: str, *, with_actor: bool = True) -> list[str]:
        """What is asked of the tag at which a task is listed."""
        conditions = self._age(table)
        if self.wanted.tag_type:
            conditions.append(f"{table}.tag_type = %(tag_type)s")
        if self.wanted.actor and with_actor:
            conditions.append(f"{table}.modified_by = %(actor)s")
        return conditions

    def _age(self, table: str) -> list[str]:
        sign = {"": None, "older": "<"}.get(self.wanted.age, ">=")
        return [f"{table}.created_at {sign} %(moment)s"] if sign else []

    def _details(self, keys: Sequence[Key], limit: int) -> list[tuple[Key, Details]]:
        statement = _DETAILS.format(search=_FOUND if self.wanted.q else "true", limit=int(limit))
        parameters = {
            **self._parameters,
            "flow_execution_ids": [key.flow_execution_id for key in keys],
            "task_names": [key.task_name for key in keys],
        }
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = cursor.fetchall()
        return [
            (keys[ordinal - 1], Details(*[*shown, exact_json.loads(tags) if tags else []]))
            for ordinal, *shown, tags in rows
        ]


def _and(conditions: Sequence[str]) -> str:
    return "".join(f" AND {condition}" for condition in conditions)

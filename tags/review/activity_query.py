"""The organization's stream for people: newest first, what belongs together as one entry.

Each look goes back over a bounded part of the stream, however little of it matches; the next one goes on behind it.
Everything here runs inside `in_organization`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from tags.events.reading import kept_positions
from tags.review.activity_entries import READ, Entry, Span, page_of_entries
from tags.review.activity_filter import DECISIONS, TYPES, Filter
from tags.review.history import CHANGE

# Events that one look goes back over, and changes of an entry that are listed at once.
LOOKED_AT = 2_000
CHANGES = 100
# Times ascend along the stream but for transactions that overlapped.
_OVERLAP = timedelta(minutes=10)
_NO_POSITION = 2**63 - 1

# The first position whose event happened at the moment or later: a search by halves over positions without gaps. The
# middle is a column of its own: under row-level security no index is asked for what has yet to be divided.
_POSITION_AT = """
    WITH RECURSIVE search AS (
        SELECT low, high, (low + high) / 2 AS middle
        FROM (SELECT %(oldest)s::bigint - 1 AS low, %(newest)s::bigint + 1 AS high) AS all_of_it
        UNION ALL
        SELECT low, high, (low + high) / 2 FROM (
            SELECT CASE WHEN event.time < %(moment)s THEN search.middle ELSE search.low END AS low,
                   CASE WHEN event.time < %(moment)s THEN search.high ELSE search.middle END AS high
            FROM search JOIN event ON event.position = search.middle
            WHERE event.organization_id = %(organization_id)s AND search.high - search.low > 1
        ) AS half
    )
    SELECT min(high) FROM search
"""
# One condition of these finds events by an index; the others are asked of what it found. The word of an index's own
# condition stands as it is written there.
_OF_RUN = "AND event.flow_execution_id = %(run)s"
_OF_PERSON = "AND event.actor = %(actor)s AND event.actor LIKE 'user:%%'"
_OF_TAG = "AND event.tag = %(tag)s"
_OF_RUNS = """
    AND event.type = ANY(%(types)s)
    AND event.type IN ('flow_execution.created', 'flow_execution.updated', 'flow_execution.deleted')
"""
_NEAR = "AND event.position > %(before)s - %(looked_at)s"
_SEEN = """
    SELECT event.position, event.type, event.flow_execution_id, event.task_name, event.actor, event.time,
           event.batch_id, event.tag
    FROM event
    WHERE event.organization_id = %(organization_id)s AND event.position < %(before)s AND event.position > %(after)s
          {found_by}
    ORDER BY event.position DESC LIMIT %(looked_at)s
"""
_TAG = "seen.tag = %(tag)s"
_FLOW = """
    EXISTS (
        SELECT FROM flow_execution
        JOIN flow ON flow.organization_id = flow_execution.organization_id AND flow.id = flow_execution.flow_id
        WHERE flow_execution.organization_id = %(organization_id)s AND flow_execution.id = seen.flow_execution_id
          AND flow.name = %(flow)s
    )
"""
_DECIDED = """
    EXISTS (
        SELECT FROM decision
        WHERE decision.organization_id = %(organization_id)s AND decision.batch_id = seen.batch_id
    )
"""
# A batch is one entry, and so are all batches of one press of a button; the newest stands for those further back.
_ENTRIES = """
    WITH seen AS MATERIALIZED ({seen}), batch AS (
        SELECT seen.batch_id, max(seen.position) AS newest, min(seen.position) AS oldest, count(*) AS events,
               count(DISTINCT (seen.flow_execution_id, seen.task_name)) AS tasks,
               count(DISTINCT seen.flow_execution_id) AS runs,
               count(*) FILTER (WHERE seen.type = 'task_tag.added') AS added,
               count(*) FILTER (WHERE seen.type = 'task_tag.removed') AS removed,
               count(*) FILTER (WHERE seen.type = 'task_execution.created') AS reported,
               count(*) FILTER (WHERE seen.type = 'task_execution.updated') AS changed,
               count(*) FILTER (WHERE seen.type = 'flow_execution.created') AS begun,
               count(*) FILTER (WHERE seen.type IN ('flow_execution.updated', 'flow_execution.deleted')) AS moved,
               max(seen.actor) AS actor, max(seen.time) AS time, max(seen.flow_execution_id::text)::uuid AS run
        FROM seen WHERE true {conditions}
        GROUP BY seen.batch_id
    ), entry AS (
        SELECT coalesce(decision.group_id, batch.batch_id) AS key, max(newest) AS newest, min(oldest) AS oldest,
               max(actor) AS actor, false AS in_a_row, max(batch.time) AS time, max(run::text)::uuid AS run,
               max(decision.kind) AS decision, bool_or(decision.undone_by IS NOT NULL) AS is_undone,
               sum(events)::int AS events, sum(tasks)::int AS tasks, max(runs)::int AS runs, sum(added)::int AS added,
               sum(removed)::int AS removed, sum(reported)::int AS reported, sum(changed)::int AS changed,
               sum(begun)::int AS begun, sum(moved)::int AS moved
        FROM batch LEFT JOIN decision
          ON decision.organization_id = %(organization_id)s AND decision.batch_id = batch.batch_id
        WHERE decision.id IS NULL OR NOT EXISTS (
            SELECT FROM decision AS later
            WHERE later.organization_id = %(organization_id)s AND later.group_id = decision.group_id
              AND later.position >= %(shown)s
        )
        GROUP BY coalesce(decision.group_id, batch.batch_id)
    )
    SELECT looked.*, entry.* FROM (SELECT min(position), count(*) FROM seen) AS looked
    LEFT JOIN (SELECT * FROM entry ORDER BY newest DESC LIMIT %(read)s) AS entry ON true
    ORDER BY entry.newest DESC
"""
# The whole of each press of a button, however far back it began and whatever of it was asked for.
_GROUPS = """
    SELECT decision.group_id, min(decision.position - jsonb_array_length(decision.changes)) + 1,
           sum(jsonb_array_length(decision.changes))::int,
           (
               SELECT count(DISTINCT (change ->> 1, change ->> 2))::int
               FROM decision AS one, jsonb_array_elements(one.changes) AS change
               WHERE one.organization_id = %(organization_id)s AND one.group_id = decision.group_id
           )
    FROM decision
    WHERE decision.organization_id = %(organization_id)s AND decision.group_id = ANY(%(groups)s)
      AND decision.position IS NOT NULL
    GROUP BY decision.group_id
"""
# What is too large is told without what it says.
_CHANGES = """
    SELECT wanted.ordinal, event.position, event.type, event.actor, event.time, event.flow_execution_id,
           event.task_name, flow.name, flow_execution.status,
           (
               SELECT run.id FROM task_execution AS run
               WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = event.flow_execution_id
                 AND run.task_name = event.task_name
               ORDER BY run.task_execution_idx DESC LIMIT 1
           ), {change}
    FROM unnest(%(newest)s::bigint[], %(oldest)s::bigint[], %(keys)s::uuid[], %(actors)s::text[]) WITH ORDINALITY
         AS wanted(newest, oldest, key, program, ordinal)
    CROSS JOIN LATERAL (
        SELECT seen.position, seen.type, seen.actor, seen.time, seen.flow_execution_id, seen.task_name,
               CASE WHEN pg_column_size(seen.data) <= 300000 THEN seen.data ELSE '{{}}' END AS data
        FROM event AS seen
        WHERE seen.organization_id = %(organization_id)s
          AND seen.position BETWEEN wanted.oldest AND wanted.newest AND seen.position < %(before)s
          AND {belongs} {conditions}
        ORDER BY seen.position DESC LIMIT %(limit)s
    ) AS event
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = event.flow_execution_id
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    ORDER BY wanted.ordinal, event.position DESC
"""
_OF_BATCH = """(seen.batch_id = wanted.key OR EXISTS (
    SELECT FROM decision
    WHERE decision.organization_id = %(organization_id)s AND decision.batch_id = seen.batch_id
      AND decision.group_id = wanted.key
))"""
_OF_PROGRAM = "seen.flow_execution_id = wanted.key AND seen.actor = wanted.program"


@dataclass(frozen=True, slots=True)
class Page:
    """`before` leads on, also from a page on which nothing was found: it was looked back to `looked_back_to`."""

    entries: list[Entry]
    before: int | None
    looked_back_to: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an entry."""

    change: tuple[Any, ...]  # as history.CHANGE
    position: int
    type: str
    actor: str
    time: datetime
    flow_execution_id: UUID
    task_name: str
    flow_name: str
    run_status: str
    task_execution_id: UUID | None


class ActivityQuery:
    """One look at the stream of an organization, with a filter."""

    def __init__(self, organization_id: UUID, wanted: Filter) -> None:
        self.wanted = wanted
        self._found_by, conditions = _conditions(wanted)
        self._conditions = "".join(f" AND {condition}" for condition in conditions)
        self.oldest, self.newest = kept_positions(organization_id)
        self._parameters: dict[str, Any] = {
            "organization_id": organization_id,
            "types": [kind.value for kind in TYPES.get(wanted.type, [])],
            "flow": wanted.flow,
            "actor": wanted.actor,
            "tag": wanted.tag,
            "run": wanted.run,
            "first_moment": wanted.first_moment,
            "end": wanted.end,
            "looked_at": LOOKED_AT,
            "shown": wanted.before or _NO_POSITION,
            "read": READ,
        }

    def page(self) -> Page:
        """From the filter's position back."""
        return self._look(min(self.wanted.before or _NO_POSITION, self._end()), self._floor())

    def count_after(self, position: int) -> int:
        """How many entries are newer; a page's worth at most."""
        return len(self._look(self._end(), max(position, self._floor())).entries)

    def changes(self, entries: Sequence[Span], limit: int, before: int | None = None) -> list[list[Event]]:
        """The newest changes of each entry, or the newest before a position. Two statements."""
        found: dict[int, list[Event]] = {}
        for is_row, belongs in ((False, _OF_BATCH), (True, _OF_PROGRAM)):
            places = [place for place, entry in enumerate(entries) if entry.in_a_row == is_row]
            for row in self._changes(belongs, [entries[place] for place in places], limit, before):
                found.setdefault(places[row[0] - 1], []).append(Event(row[10:], *row[1:10]))
        return [found.get(place, []) for place in range(len(entries))]

    def _changes(self, belongs: str, entries: Sequence[Span], limit: int, before: int | None) -> list[tuple[Any, ...]]:
        parameters = {
            **self._parameters,
            "newest": [entry.newest for entry in entries],
            "oldest": [entry.oldest for entry in entries],
            "keys": [entry.key for entry in entries],
            "actors": [entry.actor for entry in entries],
            "before": before or _NO_POSITION,
            "limit": limit,
        }
        statement = _CHANGES.format(change=CHANGE, belongs=belongs, conditions=self._conditions)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _look(self, before: int, after: int) -> Page:
        statement = _ENTRIES.format(seen=_SEEN.format(found_by=self._found_by), conditions=self._conditions)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, "before": before, "after": after})
            rows = cursor.fetchall()
        looked_back_to, looked_at = rows[0][:2]
        entries, rest = page_of_entries([Entry(*row[2:]) for row in rows if row[2] is not None])
        entries = self._whole(entries)
        if rest:
            return Page(entries, rest.newest + 1, None)
        first = max(after + 1, self.oldest)
        if self._found_by == _NEAR:
            looked_back_to = max(before - LOOKED_AT + 1, first)
        elif looked_at < LOOKED_AT:
            looked_back_to = first
        if looked_back_to <= first:
            return Page(entries, None, None)
        return Page(entries, looked_back_to, self._time_at(looked_back_to))

    def _whole(self, entries: list[Entry]) -> list[Entry]:
        groups = [entry.key for entry in entries if entry.decision]
        with connection.cursor() as cursor:
            cursor.execute(_GROUPS, {**self._parameters, "groups": groups})
            sums = {group: sums for group, *sums in cursor.fetchall()}
        return [
            replace(entry, oldest=sums[entry.key][0], events=sums[entry.key][1], tasks=sums[entry.key][2])
            if entry.key in sums
            else entry
            for entry in entries
        ]

    def _end(self) -> int:
        """The position after the last one that is asked for."""
        end = self.wanted.end
        return self.newest + 1 if end is None else self._position_at(end + _OVERLAP)

    def _floor(self) -> int:
        moment = self.wanted.first_moment
        return 0 if moment is None else self._position_at(moment - _OVERLAP) - 1

    def _position_at(self, moment: datetime) -> int:
        parameters = {**self._parameters, "oldest": self.oldest, "newest": self.newest, "moment": moment}
        with connection.cursor() as cursor:
            cursor.execute(_POSITION_AT, parameters)
            return int((cursor.fetchone() or (0,))[0])

    def _time_at(self, position: int) -> datetime | None:
        statement = "SELECT time FROM event WHERE organization_id = %(organization_id)s AND position = %(position)s"
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, "position": position})
            row = cursor.fetchone()
        return row[0] if row else None


def _conditions(wanted: Filter) -> tuple[str, list[str]]:
    """By which index the events are found, and what else is asked of them."""
    is_of_person = wanted.actor.startswith("user:")
    found_by = next(
        (
            condition
            for is_asked, condition in (
                (wanted.run, _OF_RUN),
                (is_of_person, _OF_PERSON),
                (wanted.tag, _OF_TAG),
                (wanted.type == "runs", _OF_RUNS),
            )
            if is_asked
        ),
        _NEAR,
    )
    asked = {
        _OF_RUN: (wanted.run, "seen.flow_execution_id = %(run)s"),
        _OF_PERSON: (wanted.actor, "seen.actor = %(actor)s"),
        _OF_TAG: (wanted.tag, _TAG),
        _OF_RUNS: (wanted.type in TYPES, "seen.type = ANY(%(types)s)"),
        _FLOW: (wanted.flow, _FLOW),
        _DECIDED: (wanted.type == DECISIONS, _DECIDED),
        "since": (wanted.since, "seen.time >= %(first_moment)s"),
        "until": (wanted.until, "seen.time < %(end)s"),
    }
    return found_by, [condition for is_asked, condition in asked.values() if is_asked]

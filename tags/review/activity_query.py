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
from tags.review import activity_sql as sql
from tags.review.activity_entries import READ, Entry, Span, page_of_entries
from tags.review.activity_filter import DECISIONS, TYPES, Filter
from tags.review.history import CHANGE

# Events that one look goes back over, and changes of an entry that are listed at once.
LOOKED_AT = 2_000
CHANGES = 100
# Times ascend along the stream but for transactions that overlapped.
_OVERLAP = timedelta(minutes=10)
_NO_POSITION = 2**63 - 1


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
        for is_row, belongs in ((False, sql.OF_BATCH), (True, sql.OF_PROGRAM)):
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
        statement = sql.CHANGES.format(change=CHANGE, belongs=belongs, conditions=self._conditions)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _look(self, before: int, after: int) -> Page:
        statement = sql.ENTRIES.format(seen=sql.SEEN.format(found_by=self._found_by), conditions=self._conditions)
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, "before": before, "after": after})
            rows = cursor.fetchall()
        looked_back_to, looked_at = rows[0][:2]
        entries, rest = page_of_entries([Entry(*row[2:]) for row in rows if row[2] is not None])
        entries = self._whole(entries)
        if rest:
            return Page(entries, rest.newest + 1, None)
        first = max(after + 1, self.oldest)
        if self._found_by == sql.NEAR:
            looked_back_to = max(before - LOOKED_AT + 1, first)
        elif looked_at < LOOKED_AT:
            looked_back_to = first
        if looked_back_to <= first:
            return Page(entries, None, None)
        return Page(entries, looked_back_to, self._time_at(looked_back_to))

    def _whole(self, entries: list[Entry]) -> list[Entry]:
        groups = [entry.key for entry in entries if entry.decision]
        with connection.cursor() as cursor:
            cursor.execute(sql.GROUPS, {**self._parameters, "groups": groups})
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
            cursor.execute(sql.POSITION_AT, parameters)
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
                (wanted.run, sql.OF_RUN),
                (is_of_person, sql.OF_PERSON),
                (wanted.tag, sql.OF_TAG),
                (wanted.type == "runs", sql.OF_RUNS),
            )
            if is_asked
        ),
        sql.NEAR,
    )
    asked = {
        sql.OF_RUN: (wanted.run, "seen.flow_execution_id = %(run)s"),
        sql.OF_PERSON: (wanted.actor, "seen.actor = %(actor)s"),
        sql.OF_TAG: (wanted.tag, sql.TAG),
        sql.OF_RUNS: (wanted.type in TYPES, "seen.type = ANY(%(types)s)"),
        sql.FLOW: (wanted.flow, sql.FLOW),
        sql.DECIDED: (wanted.type == DECISIONS, sql.DECIDED),
        "since": (wanted.since, "seen.time >= %(first_moment)s"),
        "until": (wanted.until, "seen.time < %(end)s"),
    }
    return found_by, [condition for is_asked, condition in asked.values() if is_asked]

"""What the activity tells as one entry."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

# Entries of a page; and how many are read for it, because what a program did in a row becomes one.
PAGE = 40
READ = 150
# Positions between two things that happened in a row.
_FURTHEST = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """Which events are one entry: those of `key` from one position to the other.

    `key` is the batch, or the group of decisions; `in_a_row`: of what a program did in a row, the run.
    """

    key: UUID
    newest: int
    oldest: int
    actor: str
    in_a_row: bool

    @property
    def query(self) -> str:
        """As a query string names it."""
        row = {"row": 1} if self.in_a_row else {}
        span = {"newest": self.newest, "oldest": self.oldest, "key": self.key, "actor": self.actor}
        return urlencode({**span, **row})


@dataclass(frozen=True, slots=True)
class Entry(Span):
    """What one batch did, or one press of a button, or a program in a row about one run; in numbers."""

    time: datetime
    run: UUID
    decision: str | None
    is_undone: bool
    events: int
    tasks: int
    runs: int
    added: int
    removed: int
    reported: int
    changed: int
    begun: int
    moved: int


def page_of_entries(read: list[Entry]) -> tuple[list[Entry], Entry | None]:
    """A page of entries, those of a program about one run as one; and the first that is not on it."""
    entries: list[Entry] = []
    for number, entry in enumerate(read, start=1):
        if number == READ:
            return entries, entry
        if entries and _goes_with(entries[-1], entry):
            entries[-1] = _joined(entries[-1], entry)
        elif len(entries) == PAGE:
            return entries, entry
        else:
            entries.append(entry)
    return entries, None


def _goes_with(last: Entry, entry: Entry) -> bool:
    return (
        not entry.actor.startswith("user:")
        and (last.actor, last.run, last.runs, last.decision) == (entry.actor, entry.run, 1, None)
        and entry.runs == 1
        and entry.decision is None
        and last.oldest - entry.newest <= _FURTHEST
    )


def _joined(last: Entry, entry: Entry) -> Entry:
    names = ("events", "tasks", "added", "removed", "reported", "changed", "begun", "moved")
    sums = {name: getattr(last, name) + getattr(entry, name) for name in names}
    return replace(last, key=last.run, oldest=entry.oldest, in_a_row=True, **sums)

"""An entry of the activity as a person reads it: who did what to which task of which run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tags.models import DecisionKind, EventType, FlowExecutionStatus
from tags.review.activity_entries import Entry
from tags.review.activity_query import Event
from tags.review.history import Change, change_of
from tags.review.people import Who
from tags.review.words import split_name

# Changes that a line tells itself.
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A task, or a run when `task` is empty. Without ids there is no page of it any more."""

    task: str
    call: str
    flow: str
    task_id: UUID | None
    run_id: UUID | None


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One of an entry's changes."""

    change: Change
    place: Place


@dataclass(frozen=True, slots=True)
class Line:
    entry: Entry
    who: Who
    time: datetime
    verdict: tuple[str, str] | None  # its word, and the class by which it is coloured
    verb: str
    changes: list[Change]
    place: Place | None
    more_runs: int
    note: str

    @property
    def has_more(self) -> bool:
        """A decision about one task says all; else there are changes that are not told."""
        return self.entry.events > max(1, len(self.changes)) and not (self.entry.decision and self.entry.tasks == 1)


def line_of(entry: Entry, events: list[Event], names: Mapping[str, Who], waiting: list[str]) -> Line:
    """`events` are the entry's newest, at most SHOWN."""
    shown = [shown_change(event, waiting) for event in events]
    is_one_task = len({(event.flow_execution_id, event.task_name) for event in events}) == 1 and entry.tasks == 1
    verdict = _verdict(entry)
    is_told = is_one_task and entry.events <= SHOWN and entry.decision in (None, DecisionKind.TAG)
    note = next((event.change[2] for event in events if event.type == EventType.TASK_TAG_ADDED and event.change[2]), "")
    return Line(
        entry=entry,
        who=names[entry.actor],
        time=entry.time,
        verdict=verdict,
        verb=_verb(entry, is_told),
        changes=[one.change for one in reversed(shown)] if is_told else [],
        place=_place(shown, is_one_task),
        more_runs=entry.runs - 1,
        note=note if is_one_task or entry.decision else "",
    )


def shown_change(event: Event, waiting: list[str]) -> ShownChange:
    is_gone = event.run_status == FlowExecutionStatus.DELETED
    name, call = split_name(event.task_name)
    place = Place(
        name,
        call,
        event.flow_name,
        None if is_gone else event.task_execution_id,
        None if is_gone else event.flow_execution_id,
    )
    return ShownChange(_change(event, waiting), place)


def _change(event: Event, waiting: list[str]) -> Change:
    if event.type == EventType.FLOW_EXECUTION_CREATED:
        return Change(_("run begun"))
    if event.type == EventType.FLOW_EXECUTION_UPDATED:
        return Change(_("run changed"))
    if event.type == EventType.FLOW_EXECUTION_DELETED:
        return Change(_("run deleted"))
    return change_of(event.type, event.change, waiting)


def _place(shown: list[ShownChange], is_one_task: bool) -> Place | None:
    if not shown:
        return None
    place = shown[0].place
    return place if is_one_task else Place("", "", place.flow, None, place.run_id)


def _verdict(entry: Entry) -> tuple[str, str] | None:
    return {
        DecisionKind.APPROVE.value: (_("approved"), "approved"),
        DecisionKind.REJECT.value: (_("rejected"), "rejected"),
        DecisionKind.FLAG.value: (_("flagged"), "waits"),
    }.get(entry.decision or "")


def _verb(entry: Entry, is_told: bool) -> str:
    if entry.decision is None:
        return "" if is_told else ", ".join(_sums(entry))
    tasks = "" if entry.tasks == 1 else ngettext("%(n)d task", "%(n)d tasks", entry.tasks) % {"n": entry.tasks}
    if entry.decision == DecisionKind.UNDO:
        return _("took back a decision about %(tasks)s") % {"tasks": tasks}
    return (
        tasks
        if entry.decision != DecisionKind.TAG or is_told
        else _("changed the tags of %(tasks)s") % {"tasks": tasks}
    )


def _sums(entry: Entry) -> list[str]:
    """What an entry of several changes did, in numbers."""
    sums = [
        (entry.begun, ngettext("began a run", "began %(n)d runs", entry.begun)),
        (entry.moved, ngettext("changed a run", "changed runs %(n)d times", entry.moved)),
        (entry.reported, ngettext("reported a task", "reported %(n)d tasks", entry.reported)),
        (entry.changed, ngettext("changed a task", "changed tasks %(n)d times", entry.changed)),
        (entry.added, ngettext("added a tag", "added %(n)d tags", entry.added)),
        (entry.removed, ngettext("removed a tag", "removed %(n)d tags", entry.removed)),
    ]
    return [words % {"n": count} if "%" in words else words for count, words in sums if count]

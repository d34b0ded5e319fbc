"""What happened to a task, newest first, as its page tells it."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from tags.actions.credentials import Caller
from tags.actions.decisions import REVIEW
from tags.models import EventType
from tags.review.people import Who, people
from tags.review.words import per_language, status_word

EVENTS = 25

# Of each event what is shown, cut to what can be shown: a record's old output may have megabytes.
CHANGE = """
    data ->> 'tag', data ->> 'tag_type', left(data #>> '{tag_metadata,note}', 1000),
    left((data -> 'tag_metadata')::text, 300),
    data ->> 'processing_status', data ->> 'task_execution_idx',
    CASE WHEN jsonb_typeof(data -> 'previous') = 'object'
         THEN ARRAY(SELECT jsonb_object_keys(data -> 'previous')) ELSE '{}' END,
    data #>> '{previous,processing_status}', left((data #> '{previous,output}')::text, 4000)
"""
_NEWEST = f"""
    SELECT position, type, actor, time, batch_id, {CHANGE}
    FROM event
    WHERE organization_id = %(organization_id)s AND flow_execution_id = %(flow_execution_id)s
      AND task_name = %(task_name)s AND position < %(before)s
    ORDER BY position DESC LIMIT %(limit)s
"""
_NO_POSITION = 2**63 - 1


@dataclass(slots=True)
class Change:
    """One event: what it says, with the tag that it is about."""

    words: str
    tag: str = ""
    tag_type: str = ""
    metadata: str = ""
    look: str = ""  # which class the tag has
    before: str = ""  # the output that a correction has replaced, as JSON


@dataclass(slots=True)
class Entry:
    """What one batch did."""

    who: Who
    time: datetime
    changes: list[Change] = field(default_factory=list)
    note: str = ""


@dataclass(slots=True)
class History:
    entries: list[Entry]
    # Ask for what was before this position; None: that was all.
    before: int | None


def history(
    caller: Caller, flow_execution_id: UUID, task_name: str, waiting: list[str], before: int | None = None
) -> History:
    """The newest events of the task, or the newest before a position. Inside `in_organization`."""
    parameters: dict[str, Any] = {
        "organization_id": caller.organization_id,
        "flow_execution_id": flow_execution_id,
        "task_name": task_name,
        "before": _NO_POSITION if before is None else before,
        "limit": EVENTS + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, parameters)
        rows = cursor.fetchall()
    shown = rows[:EVENTS]
    names = people(caller, [row[2] for row in shown])
    entries = []
    for _batch, events in groupby(shown, key=lambda row: row[4]):
        batch = list(events)
        entry = Entry(names[batch[0][2]], batch[0][3])
        entry.changes = [change_of(row[1], row[5:], waiting) for row in batch]
        entry.note = next((row[7] for row in batch if row[1] == EventType.TASK_TAG_ADDED and row[7]), "")
        entries.append(entry)
    return History(entries, shown[-1][0] if len(rows) > EVENTS else None)


@per_language
def field_words() -> dict[str, str]:
    """What people call the fields of a task execution."""
    return {
        "output": _("output"),
        "input": _("input"),
        "error": _("error"),
        "started_at": _("start"),
        "completed_at": _("end"),
        "credits": _("credits"),
        "stale_status": _("staleness"),
        "source_task_executions": _("sources"),
    }


def tag_look(tag: str, tag_type: str, waiting: list[str]) -> str:
    """The class by which a tag is coloured."""
    if tag in waiting:
        return "waits"
    return tag if tag_type == REVIEW and tag in ("approved", "rejected") else ""


def change_of(kind: str, columns: tuple[Any, ...], waiting: list[str]) -> Change:
    """What happened to a task or its tags, from the columns of CHANGE."""
    tag, tag_type, note, metadata, status, idx, changed, old_status, old_output = columns
    if kind in (EventType.TASK_TAG_ADDED, EventType.TASK_TAG_REMOVED):
        is_added = kind == EventType.TASK_TAG_ADDED
        words = _("added") if is_added else _("removed")
        # A note has a line of its own.
        metadata = "" if metadata in (None, "null") or (note and is_added) else metadata
        return Change(words, tag, tag_type, metadata, tag_look(tag, tag_type, waiting))
    run = _("run %(number)s") % {"number": int(idx) + 1}
    if kind == EventType.TASK_EXECUTION_CREATED:
        return Change(_("%(run)s reported: %(status)s") % {"run": run, "status": status_word(status).lower()})
    parts = []
    if "processing_status" in changed:
        parts.append(f"{status_word(old_status)} → {status_word(status)}")
    names = [word for name, word in field_words().items() if name in changed]
    if "edited_status" in changed and "output" in changed:
        parts.append(_("output corrected"))
        names.remove(field_words()["output"])
    if names:
        parts.append(_("changed: %(names)s") % {"names": ", ".join(names)})
    before = old_output if "output" in changed and old_output not in (None, "null") else ""
    what = "; ".join(parts) or _("changed")
    return Change(f"{run}: {what}", before=before)

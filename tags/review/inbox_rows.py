"""A listed task as its row shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tags.db import exact_json
from tags.review.inbox_query import Details, Key, Page
from tags.review.people import Who

# Of an object's members so many are shown, each so long.
_PAIRS = 5
_VALUE = 80
_LINE = 240
# Tags that make a task wait tell of one that was approved or rejected before.
_VERDICTS = {"approved": "approved", "rejected": "rejected"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a row has it; made here because the template's filters take a millisecond for each ten."""

    iso: str
    exact: str
    age: str

    @classmethod
    def of(cls, time: datetime, now: datetime) -> "Moment":
        return cls(time.isoformat(), f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S %Z}", short_age(time, now))


@dataclass(frozen=True, slots=True)
class Tag:
    id: str
    name: str
    type: str
    is_waiting: bool
    verdict: str
    who: str
    note: str
    moment: "Moment"


@dataclass(frozen=True, slots=True)
class Row:
    """`preview` is a line of text, or what an object holds, as pairs."""

    flow_execution_id: UUID
    task_name: str
    task_execution_id: UUID
    run: int
    flow: str
    status: str
    is_edited: bool
    waiting: list[Tag]
    tags: list[Tag]
    is_error: bool
    pairs: list[tuple[str, str]]
    preview: str
    since: "Moment"

    @property
    def notes(self) -> list[str]:
        return list(dict.fromkeys(tag.note for tag in self.waiting if tag.note))


def rows(page: Page, names: Mapping[str, Who], waiting: set[str]) -> list[Row]:
    now = timezone.now()
    return [_row(key, details, names, waiting, now) for key, details in page.rows]


def short_age(since: datetime, now: datetime) -> str:
    """As people say it in a list: "5 min", "3 h", "2 d"."""
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 1:
        return _("now")
    if minutes < 60:
        return _("%(number)s min") % {"number": minutes}
    if minutes < 48 * 60:
        return _("%(number)s h") % {"number": minutes // 60}
    return _("%(number)s d") % {"number": minutes // (24 * 60)}


def _row(key: Key, details: Details, names: Mapping[str, Who], waiting: set[str], now: datetime) -> Row:
    tags = [_tag(tag, names, waiting, now) for tag in details.tags]
    is_error = details.has_large_error or details.error not in (None, "null")
    text, is_large = (
        (details.error, details.has_large_error) if is_error else (details.output, details.has_large_output)
    )
    pairs, preview = ([], _("Too large for a preview: open it.")) if is_large else _preview(text)
    return Row(
        flow_execution_id=key.flow_execution_id,
        task_name=key.task_name,
        task_execution_id=details.task_execution_id,
        run=details.idx + 1,
        flow=details.flow_name,
        status=details.status,
        is_edited=details.edited_status != "not_edited",
        waiting=[tag for tag in tags if tag.is_waiting],
        tags=[tag for tag in tags if not tag.is_waiting],
        is_error=is_error,
        pairs=pairs,
        preview=preview,
        since=Moment.of(key.since.astimezone(UTC), now),
    )


def _tag(tag: dict[str, Any], names: Mapping[str, Who], waiting: set[str], now: datetime) -> Tag:
    metadata = tag["metadata"] if tag["metadata"] not in (None, "null") else ""
    pairs, text = _preview(metadata) if metadata else ([], "")
    shown = ", ".join(f"{name}: {value}" for name, value in pairs) or text
    return Tag(
        id=tag["id"],
        name=tag["tag"],
        type=tag["tag_type"],
        is_waiting=tag["tag"] in waiting,
        verdict=_VERDICTS.get(tag["tag"], ""),
        who=str(names.get(tag["modified_by"], tag["modified_by"])),
        note=tag["note"] or shown,
        moment=Moment.of(datetime.fromisoformat(tag["created_at"]).astimezone(UTC), now),
    )


def _preview(text: str | None) -> tuple[list[tuple[str, str]], str]:
    """What a line can show of a JSON text that may be cut: an object's members, or the text."""
    if text is None or text == "null":
        return [], ""
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError):
        return [], text[:_LINE] + "…"  # cut by the query
    if isinstance(value, dict) and value:
        pairs = [(name[:_VALUE], _plain(member)) for name, member in list(value.items())[:_PAIRS]]
        return pairs, _more(len(value) - _PAIRS)
    return [], _plain(value, _LINE)


def _more(count: int) -> str:
    return ngettext("and %(count)d more", "and %(count)d more", count) % {"count": count} if count > 0 else ""


def _plain(value: Any, most: int = _VALUE) -> str:
    text = value if isinstance(value, str) else exact_json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most] + "…"

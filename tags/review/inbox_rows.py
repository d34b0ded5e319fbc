"""A listed task as its row shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tags.db import exact_json
from tags.review.inbox_details import Details
from tags.review.inbox_filter import Filter
from tags.review.inbox_listed import Key
from tags.review.inbox_query import Page
from tags.review.people import Who

# Of an object's members so many are shown, each so long.
_PAIRS = 5
_VALUE = 80
_LINE = 240
# Tags that make a task wait tell of one that was approved or rejected before.
_VERDICTS = ("approved", "rejected")
# Stands in a path for the id of each row.
_ANY_ID = "00000000-0000-0000-0000-000000000000"


# What templates look up is in dictionaries: of an object's attributes Django finds each by an exception first.


class Tag(TypedDict):
    """`title` is what the pointer finds out; `css` says how it is coloured; `age` is of `time`."""

    id: str
    name: str
    css: str
    title: str
    is_waiting: bool
    who: str
    note: str
    time: str
    exact: str
    age: str


class Row(TypedDict):
    """`facts` are quiet words about the run; `preview` is a line of text, or what an object holds, as pairs."""

    flow_execution_id: str
    task_name: str
    path: str
    flow: str
    status: str
    facts: list[str]
    waiting: list[Tag]
    tags: list[Tag]
    notes: list[str]
    is_error: bool
    pairs: list[tuple[str, str]]
    preview: str
    time: str
    exact: str
    age: str


class Rows:
    """Makes the rows of one page; what is the same for all of them is found once."""

    def __init__(self, names: Mapping[str, Who], waiting: set[str], wanted: Filter) -> None:
        self._names = names
        self._waiting = waiting
        self._now = timezone.now()
        # The list goes along to the task's page, which leads on in it.
        list_ = wanted.query().removeprefix("?")
        self._suffix = f"?{urlencode({'queue': list_})}" if list_ else ""
        self._path = reverse("task", args=[_ANY_ID])
        self._corrected = _("corrected")

    def rows(self, page: Page) -> list[Row]:
        return [self._row(key, details) for key, details in page.rows]

    def _row(self, key: Key, details: Details) -> Row:
        tags = [self._tag(tag) for tag in details.tags]
        waiting = [tag for tag in tags if tag["is_waiting"]]
        is_error = details.has_large_error or details.error not in (None, "null")
        text, is_large = (
            (details.error, details.has_large_error) if is_error else (details.output, details.has_large_output)
        )
        pairs, preview = ([], _("Too large for a preview: open it.")) if is_large else _preview(text)
        return Row(
            flow_execution_id=str(key.flow_execution_id),
            task_name=key.task_name,
            path=self._path.replace(_ANY_ID, str(details.task_execution_id)) + self._suffix,
            flow=details.flow_name,
            status=details.status,
            facts=self._facts(details),
            waiting=waiting,
            tags=[tag for tag in tags if not tag["is_waiting"]],
            notes=list(dict.fromkeys(tag["note"] for tag in waiting if tag["note"])),
            is_error=is_error,
            pairs=pairs,
            preview=preview,
            time=key.since.isoformat(),
            exact=_exact(key.since),
            age=short_age(key.since, self._now),
        )

    def _facts(self, details: Details) -> list[str]:
        facts = [_("run %(number)s") % {"number": details.idx + 1}] if details.idx else []
        return facts if details.edited_status == "not_edited" else [*facts, self._corrected]

    def _tag(self, tag: dict[str, Any]) -> Tag:
        is_waiting = tag["tag"] in self._waiting
        who = str(self._names.get(tag["modified_by"], tag["modified_by"]))
        time = datetime.fromisoformat(tag["created_at"])
        return Tag(
            id=tag["id"],
            name=tag["tag"],
            css="waits" if is_waiting else tag["tag"] if tag["tag"] in _VERDICTS else "",
            title=tag["tag_type"] if is_waiting else f"{tag['tag_type']} · {who} · {_exact(time)}",
            is_waiting=is_waiting,
            who=who,
            note=tag["note"] or _note(tag["metadata"]) if is_waiting else "",
            time=tag["created_at"],
            exact=_exact(time),
            age=short_age(time, self._now),
        )


def _exact(time: datetime) -> str:
    return f"{timezone.localtime(time):%Y-%m-%d %H:%M:%S %Z}"


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


def _note(metadata: str | None) -> str:
    pairs, text = _preview(metadata)
    return ", ".join(f"{name}: {value}" for name, value in pairs) or text


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

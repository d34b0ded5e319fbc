"""A listed task as its row shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tags.db import exact_json
from tags.review import row_markup
from tags.review.inbox_details import Details
from tags.review.inbox_filter import Filter
from tags.review.inbox_listed import Key
from tags.review.inbox_query import Page
from tags.review.people import Who
from tags.review.row_markup import status_mark

# Of an object's members so many are shown, each so long.
_PAIRS = 5
_VALUE = 80
_LINE = 240
# Stands in a path for the id of each row.
_ANY_ID = "00000000-0000-0000-0000-000000000000"


class Row(TypedDict):
    """What the template fills in, finished. A dictionary: of an object's attributes Django finds each by an exception.

    `facts` are quiet words about the run; `preview` is what it put out, or its error.
    """

    flow_execution_id: str
    task_name: str
    path: str
    flow: str
    status: SafeString
    facts: list[str]
    tags: SafeString
    notes: list[str]
    is_error: bool
    preview: SafeString


class Rows:
    """Makes the rows of one page; what is the same for all of them is found once."""

    def __init__(self, names: Mapping[str, Who], waiting: set[str], wanted: Filter) -> None:
        self._names = {actor: str(who) for actor, who in names.items()}
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
        waiting = [tag for tag in details.tags if tag["tag"] in self._waiting]
        others = [tag for tag in details.tags if tag["tag"] not in self._waiting]
        is_error = details.has_large_error or details.error not in (None, "null")
        return Row(
            flow_execution_id=str(key.flow_execution_id),
            task_name=key.task_name,
            path=self._path.replace(_ANY_ID, str(details.task_execution_id)) + self._suffix,
            flow=details.flow_name,
            status=status_mark(details.status),
            facts=self._facts(details),
            tags=row_markup.tags(
                [self._waiting_tag(tag) for tag in waiting] or [self._moment(key.since)],
                [self._other_tag(tag) for tag in others],
            ),
            notes=list(dict.fromkeys(filter(None, map(_note, waiting)))),
            is_error=is_error,
            preview=_preview_of(details, is_error),
        )

    def _facts(self, details: Details) -> list[str]:
        facts = [_("run %(number)s") % {"number": details.idx + 1}] if details.idx else []
        return facts if details.edited_status == "not_edited" else [*facts, self._corrected]

    def _waiting_tag(self, tag: dict[str, Any]) -> str:
        moment = self._moment(datetime.fromisoformat(tag["created_at"]), tag["id"], self._who(tag))
        return f"{row_markup.waiting_tag(tag['id'], tag['tag'], tag['tag_type'])} {moment}"

    def _other_tag(self, tag: dict[str, Any]) -> str:
        title = f"{tag['tag_type']} · {self._who(tag)} · {_exact(datetime.fromisoformat(tag['created_at']))}"
        return row_markup.other_tag(tag["tag"], title)

    def _moment(self, time: datetime, of: str = "", who: str = "") -> str:
        """Since when a tag is there, and who put it there; or since when the task is."""
        return row_markup.moment(time.isoformat(), _exact(time), short_age(time, self._now), of, who)

    def _who(self, tag: dict[str, Any]) -> str:
        actor: str = tag["modified_by"]
        return self._names.get(actor, actor)


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


def _note(tag: dict[str, Any]) -> str:
    """What the tag's metadata tells: its note, or all that it has."""
    if tag["note"]:
        return str(tag["note"])
    pairs, text = _members(tag["metadata"])
    return ", ".join(f"{name}: {value}" for name, value in pairs) or text


def _preview_of(details: Details, is_error: bool) -> SafeString:
    if details.has_large_error if is_error else details.has_large_output:
        return row_markup.preview([], _("Too large for a preview: open it."))
    return row_markup.preview(*_members(details.error if is_error else details.output))


def _members(text: str | None) -> tuple[list[tuple[str, str]], str]:
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

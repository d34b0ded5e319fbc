"""What the inbox is asked for, as its query string says it."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from tags.db import exact_json
from tags.models import ProcessingStatus
from tags.models.execution import FLOW_NAME_LENGTH, TASK_NAME_LENGTH
from tags.models.tag import TAG_LENGTH, TAG_TYPE_LENGTH

MOST_SEARCHED = 200  # characters
ALL = "all"
NO_TAG = "-"
"""As `tag`: tasks without any; of all tasks alone, because what waits has one."""

AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "older": timedelta(weeks=1)}
_AGES = [
    ("", _("Any time")),
    ("hour", _("Last hour")),
    ("day", _("Last day")),
    ("week", _("Last week")),
    ("older", _("Older than a week")),
]
_SORTS = [
    ("", _("Usual order")),
    ("oldest", _("Oldest first")),
    ("newest", _("Newest first")),
    ("flow", _("By flow")),
    ("task", _("By task")),
]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last task of a page: since when it waits, the row that says so, and the name it is sorted by, if any."""

    sort: str
    since: datetime
    id: UUID
    name: str = ""

    def __str__(self) -> str:
        text = exact_json.dumps([self.sort, self.since.isoformat(), str(self.id), self.name])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        try:
            sort, since, id, name = exact_json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            cursor = cls(str(sort), datetime.fromisoformat(since), UUID(id), str(name))
            if cursor.since.tzinfo is None or "\x00" in cursor.name:
                raise ValueError("no time, or no name")
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
            raise ValueError("not a cursor") from error
        return cursor


class FilterForm(forms.Form):
    """Each field is one parameter of the query string; what is absent is not asked for."""

    q = forms.CharField(label=_("Search"), max_length=MOST_SEARCHED, required=False)
    tag = forms.CharField(label=_("Tag"), max_length=TAG_LENGTH, required=False, strip=False)
    flow = forms.CharField(label=_("Flow"), max_length=FLOW_NAME_LENGTH, required=False, strip=False)
    status = forms.ChoiceField(
        label=_("Status"), choices=[("", _("Any status")), *ProcessingStatus.choices], required=False
    )
    task = forms.CharField(label=_("Task name"), max_length=TASK_NAME_LENGTH, required=False, strip=False)
    tag_type = forms.CharField(label=_("Tag type"), max_length=TAG_TYPE_LENGTH, required=False, strip=False)
    age = forms.ChoiceField(label=_("Since"), choices=_AGES, required=False)
    actor = forms.CharField(label=_("Put there by"), max_length=100, required=False)
    sort = forms.ChoiceField(label=_("Order"), choices=_SORTS, required=False)
    show = forms.ChoiceField(choices=[("", _("What waits")), (ALL, _("All tasks"))], required=False)
    # The saved view that the person came from, while they change what it asks.
    view = forms.UUIDField(required=False)
    cursor = forms.CharField(max_length=2000, required=False)

    def clean_cursor(self) -> Cursor | None:
        text = self.cleaned_data["cursor"]
        if not text:
            return None
        try:
            return Cursor.read(text)
        except ValueError:
            raise ValidationError(_("This page of the list does not exist. Begin with the first one.")) from None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        data["sort"] = data["sort"] or ("newest" if data["show"] == ALL else "oldest")
        by_tag = data["show"] != ALL or data["tag"] not in ("", NO_TAG)
        if not by_tag and data["sort"] in ("flow", "task"):
            self.add_error("sort", _("All tasks are listed by time. Choose a tag to sort them by name."))
        if not by_tag and (data["tag_type"] or data["actor"]):
            self.add_error("tag", _("Choose a tag, too: its type and who put it there are asked for."))
        if data["show"] != ALL and data["tag"] == NO_TAG:
            self.add_error("tag", _("What waits has a tag. Show all tasks to find those without any."))
        cursor = data["cursor"]
        if cursor and cursor.sort != data["sort"]:
            self.add_error("cursor", _("This page of the list is of another order. Begin with the first one."))
        return data


@dataclass(frozen=True, slots=True)
class Filter:
    """A valid query string."""

    q: str = ""
    tag: str = ""
    flow: str = ""
    status: str = ""
    task: str = ""
    tag_type: str = ""
    age: str = ""
    actor: str = ""
    sort: str = "oldest"
    show: str = ""
    view: UUID | None = None
    cursor: Cursor | None = None

    @classmethod
    def of_query(cls, query: str) -> "Filter | None":
        """What a query string asks for, from its first page on; None if it is not understood."""
        form = FilterForm(QueryDict(query.removeprefix("?")))
        return cls(**{**form.cleaned_data, "cursor": None}) if form.is_valid() else None

    @property
    def shows_all(self) -> bool:
        return self.show == ALL

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.tag, self.flow, self.status, self.task, self.tag_type, self.age, self.actor))

    def query(self, **changes: str) -> str:
        """The query string of this filter with some of it changed; from its first page on."""
        names = ("show", "q", "tag", "flow", "status", "task", "tag_type", "age", "actor", "sort", "view")
        values = {name: str(getattr(self, name) or "") for name in names}
        if values["sort"] == ("newest" if self.shows_all else "oldest"):
            values["sort"] = ""
        return "?" + urlencode({name: value for name, value in {**values, **changes}.items() if value})

"""What the activity is asked for, as its query string says it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from tags.models import EventType
from tags.models.event import RUN_EVENTS, TAG_EVENTS
from tags.models.execution import FLOW_NAME_LENGTH
from tags.models.tag import TAG_LENGTH

DECISIONS = "decisions"
TYPES: dict[str, list[EventType]] = {
    "tags": TAG_EVENTS,
    "tasks": [EventType.TASK_EXECUTION_CREATED, EventType.TASK_EXECUTION_UPDATED],
    "runs": RUN_EVENTS,
}
_TYPES = [
    ("", _("Everything")),
    (DECISIONS, _("Decisions")),
    ("tags", _("Tags")),
    ("tasks", _("Tasks")),
    ("runs", _("Runs")),
]
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)


class FilterForm(forms.Form):
    """Each field is one parameter of the query string; what is absent is not asked for. Days are days in UTC."""

    type = forms.ChoiceField(label=_("What"), choices=_TYPES, required=False)
    flow = forms.CharField(label=_("Flow"), max_length=FLOW_NAME_LENGTH, required=False, strip=False)
    actor = forms.CharField(label=_("Who"), max_length=100, required=False)
    tag = forms.CharField(label=_("Tag"), max_length=TAG_LENGTH, required=False, strip=False)
    since = forms.DateField(label=_("From"), required=False)
    until = forms.DateField(label=_("To"), required=False)
    run = forms.UUIDField(required=False, error_messages={"invalid": _("This is not the id of a run.")})
    before = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if not all(_FIRST_DAY <= day <= _LAST_DAY for day in (since, until) if day):
            self.add_error("since", _("Choose a day of this age."))
        elif since and until and since > until:
            self.add_error("until", _("The last day is before the first one."))
        return data


@dataclass(frozen=True, slots=True)
class Filter:
    """A valid query string."""

    type: str = ""
    flow: str = ""
    actor: str = ""
    tag: str = ""
    since: date | None = None
    until: date | None = None
    run: UUID | None = None
    before: int | None = None

    @property
    def is_narrowed(self) -> bool:
        return any((self.type, self.flow, self.actor, self.tag, self.since, self.until, self.run))

    @property
    def first_moment(self) -> datetime | None:
        return datetime.combine(self.since, time.min, UTC) if self.since else None

    @property
    def end(self) -> datetime | None:
        """The moment after the last one."""
        return datetime.combine(self.until, time.min, UTC) + timedelta(days=1) if self.until else None

    def query(self, **changes: Any) -> str:
        """The query string of this filter with some of it changed; from its first page on."""
        names = ("type", "flow", "actor", "tag", "since", "until", "run")
        values = {name: getattr(self, name) for name in names} | changes
        return "?" + urlencode({name: value for name, value in values.items() if value})

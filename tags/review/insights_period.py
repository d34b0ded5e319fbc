"""What Insights is asked for, as its query string says it: a period of whole days, in UTC, and a flow."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tags.models.execution import FLOW_NAME_LENGTH

USUAL_DAYS = 30
CHOICES = (7, USUAL_DAYS, 90)
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of the first day to the end of the last one. `days` is empty for days that were chosen."""

    first: date
    last: date
    days: int | None = None
    flow: str = ""

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def until(self) -> datetime:
        return self.since + timedelta(days=self.length)

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def each_day(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.length)]

    def query(self, **changes: Any) -> str:
        """The query string of this period with some of it changed; to choose `days` lets go of the chosen dates."""
        dates = {} if self.days or "days" in changes else {"from": self.first, "to": self.last}
        values = {"days": self.days, "flow": self.flow, **dates, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @classmethod
    def newest(cls, days: int, flow: str = "") -> "Period":
        today = timezone.now().astimezone(UTC).date()
        return cls(today - timedelta(days=days - 1), today, days, flow)


class PeriodForm(forms.Form):
    """`days` up to today, or `from` and `to`, both included."""

    days = forms.TypedChoiceField(choices=[(n, n) for n in CHOICES], coerce=int, empty_value=None, required=False)
    flow = forms.CharField(label=_("Flow"), max_length=FLOW_NAME_LENGTH, required=False, strip=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data, label_suffix="")
        # `from` is a word of Python's.
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        first, last = data.get("from"), data.get("to")
        if self.errors or not (first or last):
            return data
        if not (first and last):
            self.add_error("to" if first else "from", _("Give both days, the first and the last one."))
        elif first > last:
            self.add_error("to", _("The last day is before the first one."))
        elif (last - first).days >= MOST_DAYS or not 1970 <= first.year <= last.year <= 9998:
            self.add_error("from", _("Choose at most %(most)s days.") % {"most": MOST_DAYS})
        return data

    @property
    def period(self) -> Period:
        """The usual one for a form that is not valid."""
        if not self.is_valid():
            return Period.newest(USUAL_DAYS)
        data = self.cleaned_data
        if data["from"]:
            return Period(data["from"], data["to"], None, data["flow"])
        return Period.newest(data["days"] or USUAL_DAYS, data["flow"])

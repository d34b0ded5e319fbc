"""The links of a date hierarchy: from years to months to days, from the oldest row's to the newest one's.

Django's own shows the dates that have rows, for which it reads the whole table.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _

_UNITS = ("year", "month", "day")


@dataclass(frozen=True, slots=True)
class DateLinks:
    """What Django's template for a date hierarchy shows."""

    back: dict[str, str] | None
    choices: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dates:
    listing: ChangeList
    first: date
    last: date

    def links(self) -> DateLinks:
        """For what the list's address has chosen so far."""
        year, month, day = (int(self.listing.params.get(self._parameter(unit)) or 0) for unit in _UNITS)
        if year and month and day:
            return DateLinks(self._of_month(date(year, month, 1)), [{"title": _day(date(year, month, day))}])
        if year and month:
            back = {"title": str(year), "link": self._link(year)}
            return DateLinks(back, [self._of_day(one) for one in self._days(date(year, month, 1))])
        if year or self.first.year == self.last.year:
            back_to_all = {"title": _("All dates"), "link": self._link()} if year else None
            return DateLinks(back_to_all, [self._of_month(one) for one in self._months(year or self.first.year)])
        years = range(self.first.year, self.last.year + 1)
        return DateLinks(None, [{"title": str(one), "link": self._link(one)} for one in years])

    def _months(self, year: int) -> list[date]:
        months = (date(year, number, 1) for number in range(1, 13))
        return [month for month in months if self.first.replace(day=1) <= month <= self.last]

    def _days(self, month: date) -> list[date]:
        days = (month + timedelta(days=number) for number in range(31))
        return [day for day in days if day.month == month.month and self.first <= day <= self.last]

    def _of_month(self, month: date) -> dict[str, str]:
        title = capfirst(formats.date_format(month, "YEAR_MONTH_FORMAT"))
        return {"title": title, "link": self._link(month.year, month.month)}

    def _of_day(self, day: date) -> dict[str, str]:
        return {"title": _day(day), "link": self._link(day.year, day.month, day.day)}

    def _link(self, *units: int) -> str:
        chosen: Any = {self._parameter(unit): str(value) for unit, value in zip(_UNITS, units, strict=False)}
        return self.listing.get_query_string(chosen, [self._parameter("")])

    def _parameter(self, unit: str) -> str:
        return f"{self.listing.date_hierarchy}__{unit}"


def _day(day: date) -> str:
    return capfirst(formats.date_format(day, "MONTH_DAY_FORMAT"))

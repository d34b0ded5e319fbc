"""Where the bars of a run's tasks stand along its time, in percent of the width."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from tags.review.run_query import Totals, Try

# A bar is never narrower than can be seen.
_NARROWEST = 0.5
_TICKS = 5
# Steps between two ticks, in seconds.
_STEPS = [
    *(number * 10.0**power for power in range(-3, 1) for number in (1, 2, 5)),
    *(10.0, 15.0, 30.0),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600.0 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400.0 * days for days in (1, 2, 7, 14, 30, 90, 365)),
]


@dataclass(frozen=True, slots=True)
class Bar:
    status: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


class Waterfall:
    """From the first start to the last end; to now, while something runs."""

    def __init__(self, totals: Totals, now: datetime) -> None:
        self.start = totals.started
        ends = [end for end in (totals.completed, now if totals.goes_on else None) if end]
        self.end = max(ends, default=None)
        self._now = now
        has_span = self.start is not None and self.end is not None and self.end > self.start
        self._span = (self.end - self.start).total_seconds() if has_span else 0.0  # type: ignore[operator]  # has both

    @property
    def duration(self) -> timedelta | None:
        return timedelta(seconds=self._span) if self._span else None

    @property
    def ticks(self) -> list[Tick]:
        if not self._span:
            return []
        step = next((step for step in _STEPS if self._span / step <= _TICKS), self._span)
        return [Tick(round(step * n / self._span * 100, 2), _tick(step * n)) for n in range(int(self._span / step) + 1)]

    def bars(self, tries: list[Try]) -> list[Bar]:
        return [self._bar(one) for one in tries]

    def span(self, started: datetime | None, completed: datetime | None) -> Bar | None:
        """Behind the tries of many tasks: from the first start to the last end."""
        return None if started is None else self._bar(Try("span", started, completed))

    def _bar(self, one: Try) -> Bar:
        if not self._span or self.start is None:
            return Bar(one.status, 0, 100)
        until = one.completed or (self._now if one.status in ("running", "span") else one.started)
        x = (one.started - self.start).total_seconds() / self._span * 100
        width = (until - one.started).total_seconds() / self._span * 100
        width = min(100.0, max(_NARROWEST, width))
        return Bar(one.status, round(max(0.0, min(x, 100 - width)), 2), round(width, 2))


def _tick(seconds: float) -> str:
    if seconds and seconds < 1:
        return _("%(number)d ms") % {"number": round(seconds * 1000)}
    for unit, words in ((86_400, _("%(number)g d")), (3_600, _("%(number)g h")), (60, _("%(number)g min"))):
        if seconds >= unit:
            return words % {"number": round(seconds / unit, 1)}
    return _("%(number)g s") % {"number": seconds}

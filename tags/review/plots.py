"""Where the marks of a plot stand. Across, all is in percent, so that a plot fits any width with its text unstretched;
upright, in pixels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tags.review.insights_query import Figures
from tags.review.words import duration_text, figure

TOP, BOTTOM = 8, 198  # of the plot's ground; the days' names stand beneath
HEIGHT = 222
_NAMED_DAYS = 6
# Seconds at which a scale of durations may begin, end and have a line.
_DURATIONS = [1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400]


@dataclass(frozen=True, slots=True)
class Line:
    """Of the grid."""

    y: float
    label: str

    @property
    def label_y(self) -> float:
        return self.y + 4


@dataclass(frozen=True, slots=True)
class Part:
    """Of a day's column."""

    kind: str
    y: float
    height: float


@dataclass(slots=True)
class Day:
    """`x` to `x + width` is the day's share of the width, `middle` where its points stand."""

    x: float
    width: float
    words: str
    name: str = ""
    parts: list[Part] = field(default_factory=list)
    median: float | None = None
    ninetieth: float | None = None

    @property
    def bar_x(self) -> float:
        return round(self.x + self.width * 0.12, 3)

    @property
    def bar_width(self) -> float:
        return round(self.width * 0.76, 3)

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 3)


@dataclass(frozen=True, slots=True)
class Stroke:
    """From one day's point to the next one's."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(slots=True)
class Plot:
    lines: list[Line]
    days: list[Day]
    strokes: list[Stroke] = field(default_factory=list)
    height: int = HEIGHT
    top: int = TOP
    bottom: int = BOTTOM

    @property
    def ground(self) -> int:
        return self.bottom - self.top

    @property
    def names_y(self) -> int:
        return self.height - 6


def decisions_plot(days: Mapping[date, Figures]) -> Plot:
    """A column for each day: approved at the bottom, rejected and flagged on top of it."""
    most = max((figures.decisions for figures in days.values()), default=0)
    steps = _steps(most)
    plot = Plot([Line(_height(step, steps[-1]), figure(step)) for step in steps], _days(days))
    for day, figures in zip(plot.days, days.values(), strict=True):
        reached = 0
        for kind, count in _kinds(figures):
            if count:
                below, reached = _height(reached, steps[-1]), reached + count
                y = _height(reached, steps[-1])
                day.parts.append(Part(kind, y, round(below - y, 2)))
    return plot


def times_plot(days: Mapping[date, Figures]) -> Plot | None:
    """The median and the 90th percentile of each day on a logarithmic scale; None if nothing was measured."""
    measured = [seconds for figures in days.values() for seconds in (figures.median, figures.ninetieth) if seconds]
    if not measured:
        return None
    scale = _scale(min(measured), max(measured))
    plot = Plot([Line(_log_height(seconds, scale), _duration_name(seconds)) for seconds in scale], _days(days))
    for day, figures in zip(plot.days, days.values(), strict=True):
        if figures.median is not None and figures.ninetieth is not None:
            day.median, day.ninetieth = _log_height(figures.median, scale), _log_height(figures.ninetieth, scale)
    shown = [day for day in plot.days if day.median is not None]
    for one, other in pairwise(shown):
        for kind in ("ninetieth", "median"):
            stroke = Stroke(kind, one.middle, getattr(one, kind), other.middle, getattr(other, kind))
            plot.strokes.append(stroke)
    return plot


def shares(figures: Figures, most: int) -> list[tuple[str, float, float]]:
    """The parts of a lying bar: kind, beginning and length in percent of the longest one."""
    parts, reached = [], 0.0
    for kind, count in _kinds(figures):
        length = count / most * 100 if most else 0.0
        if count:
            parts.append((kind, round(reached, 2), round(length, 2)))
        reached += length
    return parts


def _kinds(figures: Figures) -> list[tuple[str, int]]:
    return [("approved", figures.approved), ("rejected", figures.rejected), ("flagged", figures.flagged)]


def _days(days: Mapping[date, Figures]) -> list[Day]:
    width = 100 / len(days)
    every = math.ceil(len(days) / _NAMED_DAYS)
    return [
        Day(
            round(number * width, 3),
            round(width, 3),
            _words(day, figures),
            date_format(day, "j M") if number % every == 0 else "",
        )
        for number, (day, figures) in enumerate(days.items())
    ]


def _words(day: date, figures: Figures) -> str:
    words = _("%(day)s: %(approved)d approved, %(rejected)d rejected, %(flagged)d flagged") % {
        "day": date_format(day, "j M Y"),
        "approved": figures.approved,
        "rejected": figures.rejected,
        "flagged": figures.flagged,
    }
    if figures.median is None or figures.ninetieth is None:
        return words
    times = _("median %(median)s, 90th percentile %(ninetieth)s") % {
        "median": duration_text(timedelta(seconds=figures.median)),
        "ninetieth": duration_text(timedelta(seconds=figures.ninetieth)),
    }
    return f"{words}; {times}"


def _steps(most: int) -> list[int]:
    """Round numbers from 0 to at least the most, at most five of them."""
    rough = max(1.0, most / 4)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * number for number in range(max(1, math.ceil(most / step)) + 1)]


def _scale(least: float, most: float) -> list[int]:
    first = max((n for n, seconds in enumerate(_DURATIONS) if seconds <= least), default=0)
    last = min((n for n, seconds in enumerate(_DURATIONS) if seconds >= most), default=len(_DURATIONS) - 1)
    if first == last:
        first, last = (first, last + 1) if last + 1 < len(_DURATIONS) else (first - 1, last)
    return _DURATIONS[first : last + 1]


def _height(value: float, most: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / most, 2)


def _log_height(seconds: float, scale: list[int]) -> float:
    """What is below the scale or above it stands at its edge."""
    least, most = math.log(scale[0]), math.log(scale[-1])
    value = math.log(max(scale[0], min(scale[-1], seconds)))
    return round(BOTTOM - (BOTTOM - TOP) * (value - least) / (most - least), 2)


def _duration_name(seconds: int) -> str:
    for unit, words in ((86_400, _("%(number)d d")), (3_600, _("%(number)d h")), (60, _("%(number)d min"))):
        if seconds >= unit:
            return words % {"number": seconds // unit}
    return _("%(number)d s") % {"number": seconds}

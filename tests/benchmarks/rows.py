"""A figure beside its goal, at the terminal and in a page's table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """Without a goal it is told for its own sake."""

    title: str
    measured: float
    goal: float | None
    unit: str
    note: str
    at_most: bool = True

    @property
    def passed(self) -> bool:
        if self.goal is None:
            return True
        return self.measured <= self.goal if self.at_most else self.measured >= self.goal

    def line(self) -> str:
        """For the terminal."""
        verdict = "    " if self.goal is None else "ok  " if self.passed else "MISS"
        return f"{verdict} {self.title:64} {self.measured:9,.2f} {self.unit:3} ({self._wanted})  {self.note}"

    def cells(self) -> str:
        verdict = "" if self.goal is None else "met" if self.passed else "**missed**"
        measured = f"{_short(self.measured)} {self.unit}".strip()
        return f"| {self.title}<br>{self.note} | {measured} | {self._wanted} | {verdict} |"

    @property
    def _wanted(self) -> str:
        if self.goal is None:
            return "none"
        return f"at {'most' if self.at_most else 'least'} {_short(self.goal)} {self.unit}".strip()


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{round(value, 2):g}"


def table(rows: Sequence[Row]) -> str:
    return "\n".join(["| | measured | goal | |", "| --- | ---: | ---: | --- |", *(row.cells() for row in rows)])

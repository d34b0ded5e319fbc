"""What the inbox can be narrowed to, with how many tasks wait there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tags.models import ProcessingStatus
from tags.review.inbox_counts import Counts, Group
from tags.review.inbox_filter import Filter
from tags.review.inbox_query import Page
from tags.review.people import Who
from tags.review.words import figure

# Choices of a kind that are offered; any other is asked for by its name.
_OFFERED = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """`figure` is empty where nothing was counted; `query` chooses it, or lets go of what is chosen."""

    name: str
    figure: str
    query: str
    is_chosen: bool


class Choices:
    """The figures are of what waits: a search and the list of all tasks have none, because to count them takes long."""

    def __init__(self, wanted: Filter, waiting: list[str], counts: Counts, page: Page) -> None:
        self._wanted = wanted
        self._waiting = waiting
        self._counts = counts
        self._page = page
        self._is_counted = not wanted.q and not wanted.shows_all

    @property
    def total(self) -> str:
        """How many match; with a plus: at least so many."""
        if not self._is_counted:
            return ""
        known = sum(group.count for group in self._counts.groups if self._matches(group, ""))
        if not self._counts.is_cut:
            return figure(known)
        if self._page.next is None and self._wanted.cursor is None:
            return figure(len(self._page.rows))
        return f"{figure(max(known, len(self._page.rows)))}+"

    @property
    def tags(self) -> list[Choice]:
        figures = self._figures("tag")
        chosen = [self._wanted.tag] if self._wanted.tag not in ("", *self._waiting) else []
        return self._choices("tag", [*self._waiting, *chosen], figures)

    @property
    def flows(self) -> list[Choice]:
        return self._most_frequent("flow")

    @property
    def statuses(self) -> list[Choice]:
        return self._most_frequent("status")

    @property
    def all_flows(self) -> list[str]:
        return sorted({group.flow for group in self._counts.groups})

    @property
    def all_statuses(self) -> list[str]:
        return ProcessingStatus.values

    def actors(self, names: Mapping[str, Who]) -> list[tuple[str, str]]:
        """Who put something there that waits: what the query string has, and a name."""
        actors = {actor for group in self._counts.groups for actor in group.actors}
        if self._wanted.actor:
            actors.add(self._wanted.actor)
        return sorted(
            ((actor, str(names.get(actor, actor))) for actor in actors), key=lambda actor: actor[1].casefold()
        )

    def _most_frequent(self, kind: str) -> list[Choice]:
        figures = self._figures(kind)
        values = [value for value, _count in figures.most_common(_OFFERED)]
        chosen = getattr(self._wanted, kind)
        if chosen and chosen not in values:
            values.append(chosen)
        return self._choices(kind, values, figures)

    def _figures(self, kind: str) -> "Counter[str]":
        figures: Counter[str] = Counter()
        for group in self._counts.groups:
            if self._matches(group, kind):
                for value in group.tags if kind == "tag" else [getattr(group, kind)]:
                    figures[value] += group.count
        return figures

    def _choices(self, kind: str, values: Iterable[str], figures: "Counter[str]") -> list[Choice]:
        chosen = getattr(self._wanted, kind)
        return [
            Choice(
                value,
                self._figure(figures[value]) if kind != "tag" or value in self._waiting else "",
                self._wanted.query(**{kind: "" if value == chosen else value}),
                value == chosen,
            )
            for value in values
        ]

    def _figure(self, count: int) -> str:
        if not self._is_counted:
            return ""
        if not self._counts.is_cut:
            return figure(count)
        return f"{figure(count)}+" if count else ""  # none among those that were counted says nothing

    def _matches(self, group: Group, besides: str) -> bool:
        """Whether these tasks are asked for; the one thing `besides` is left open."""
        wanted = self._wanted
        return (
            (besides == "tag" or wanted.tag not in self._waiting or wanted.tag in group.tags)
            and (besides == "flow" or wanted.flow in ("", group.flow))
            and (besides == "status" or wanted.status in ("", group.status))
            and wanted.actor in ("", *group.actors)
        )

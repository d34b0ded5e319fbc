"""A page of the inbox, all that match its filter, and a task's place in it. Everything here runs inside
`in_organization`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tags.actions.decisions import Task
from tags.review.inbox_counts import Counts, counts
from tags.review.inbox_details import Details, details
from tags.review.inbox_filter import Cursor, Filter
from tags.review.inbox_listed import Key, Listed

PAGE = 50
# Rows of the list that one page looks at; the next page goes on behind them.
LOOKED_AT = 1000
# What "all that match" may be, and how many rows are looked at for it.
MOST_SELECTED = 5000
_LOOKED_AT_TO_SELECT = 50_000


@dataclass(frozen=True, slots=True)
class Page:
    """`looked` rows of the list were looked at for it; `next` leads on, also from a page on which nothing was found.

    `is_partial`: the page is not full although the list goes on. `is_cut`: a list by name is of the first LOOKED_AT
    rows alone, and there are more.
    """

    rows: list[tuple[Key, Details]]
    next: Cursor | None = None
    looked: int = 0
    is_partial: bool = False
    is_cut: bool = False


class InboxQuery:
    """One look at the inbox of an organization."""

    def __init__(self, organization_id: UUID, waiting: Sequence[str], wanted: Filter) -> None:
        self.wanted = wanted
        self.listed = Listed(organization_id, waiting, wanted)

    def page(self) -> Page:
        """Two statements: which tasks, and what is shown of them."""
        keys = self.listed.keys(PAGE + 1, LOOKED_AT, self.wanted.cursor)
        rows = details(keys.found, self.listed.parameters)
        is_cut = self.listed.is_sorted_by_name and keys.edge is not None
        if len(rows) > PAGE:
            return Page(rows[:PAGE], rows[PAGE - 1][0].cursor(self.wanted.sort), keys.looked, is_cut=is_cut)
        if is_cut or not keys.edge:
            return Page(rows, None, keys.looked, is_cut=is_cut)
        return Page(rows, keys.edge, keys.looked, is_partial=not self.listed.is_indexed)

    def matching(self) -> tuple[list[Task], bool]:
        """All that match, from the filter's cursor on, and whether there may be more."""
        return self.some(MOST_SELECTED, self.wanted.cursor, window=_LOOKED_AT_TO_SELECT)

    def some(
        self, most: int, cursor: Cursor | None, *, backward: bool = False, window: int = 0
    ) -> tuple[list[Task], bool]:
        """The next so many tasks of the list, or those before, the nearest first; and whether there may be more."""
        window = LOOKED_AT if self.wanted.q else window or LOOKED_AT
        keys = self.listed.keys(most + 1, window, cursor, backward=backward)
        return [key.task for key in keys.found[:most]], keys.edge is not None or len(keys.found) > most

    def key_of(self, task: Task) -> Key | None:
        """None for a task that the list does not have, whatever else than tags and age its filter asks."""
        return self.listed.key_of(task)

    def counts(self) -> Counts:
        return counts(self.listed)

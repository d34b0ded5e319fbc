"""Saved views as the inbox shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tags.actions.credentials import Caller
from tags.actions.saved_views import may_change
from tags.models import SavedView
from tags.review.inbox_filter import Filter
from tags.review.people import Who


@dataclass(frozen=True, slots=True)
class Tab:
    """`is_changed`: it is the current one, and what the page asks is no longer what was saved."""

    id: UUID
    name: str
    query: str
    owner: str
    is_own: bool
    is_shared: bool
    is_current: bool
    is_changed: bool
    may_change: bool


class Tabs:
    """Those that a person sees, for the filter that the page has."""

    def __init__(self, caller: Caller, views: Sequence[SavedView], wanted: Filter, names: Mapping[str, Who]) -> None:
        self._all = [_tab(caller, view, wanted, names) for view in sorted(views, key=_by_name)]
        # What would be saved.
        self.query = wanted.query(view="")
        self.current = next((tab for tab in self._all if tab.is_current), None)
        is_own_list = self.query not in ("?", "?show=all")  # those two are always there
        self.offers_new = is_own_list and (self.current is None or self.current.is_changed)

    @property
    def own(self) -> list[Tab]:
        return [tab for tab in self._all if tab.is_own]

    @property
    def shared(self) -> list[Tab]:
        return [tab for tab in self._all if not tab.is_own]


def _by_name(view: SavedView) -> str:
    return view.name.casefold()


def _tab(caller: Caller, view: SavedView, wanted: Filter, names: Mapping[str, Who]) -> Tab:
    is_current, query = wanted.view == view.id, view.query or "?"
    return Tab(
        id=view.id,
        name=view.name,
        query=f"{query}{'' if query == '?' else '&'}view={view.id}",
        owner=str(names[str(view.user_id)]),
        is_own=view.user_id == caller.user.id if caller.user else False,
        is_shared=view.is_shared,
        is_current=is_current,
        is_changed=is_current and wanted.query(view="") != query,
        may_change=may_change(caller, view),
    )

"""Lists that stay quick however long the table is: nothing here counts, sorts or looks through all of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import EmptyFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from tags.admin.dates import DateLinks, Dates
from tags.models.ids import first_id_of

# How far one can page; further back leads a date or a filter.
MOST_LISTED = 10_000
ON_A_PAGE = 100
# How far the clocks of two machines may be apart.
_CLOCKS = timedelta(days=1)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # no generic when it runs
    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: MOST_LISTED + 1].count())

    @property
    def is_cut(self) -> bool:
        """There are more than can be paged to."""
        return self._counted > MOST_LISTED

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_LISTED)


class HappenedFilter(EmptyFieldListFilter):
    """By whether a time is known: yes or no, where Django would say "empty"."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice, words in zip(super().choices(changelist), (_("All"), _("No"), _("Yes")), strict=True):
            yield {**choice, "display": words}


class Listing(ChangeList):
    """Django's list of a model's rows, with dates that cost two looks into an index."""

    model_admin: Any
    dates: DateLinks | None = None

    def get_filters(self, request: HttpRequest) -> Any:
        found: Any
        try:
            found = super().get_filters(request)
        except (ValueError, OverflowError) as error:  # the year 9999 has no next one
            raise IncorrectLookupParameters(error) from error
        bounds = [(found[2].get(f"{self.date_hierarchy}__{bound}") or [None])[0] for bound in ("gte", "lt")]
        if self.model_admin.ids_tell_time and all(isinstance(bound, datetime) for bound in bounds):
            self._keep_to_ids(*bounds)
        return found

    def _keep_to_ids(self, first: datetime, last: datetime) -> None:
        """The same period once more, by ids, whose index leads to it: the time's own column has none."""
        try:
            period = {"id__gte": first_id_of(first - _CLOCKS), "id__lt": first_id_of(last + _CLOCKS)}
        except OverflowError as error:
            raise IncorrectLookupParameters(error) from error
        self.root_queryset = self.root_queryset.filter(**period)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.complete(request, self.result_list)
        if self.date_hierarchy:
            self.dates = self._date_links(self.model_admin.get_queryset(request))

    def _date_links(self, rows: Any) -> DateLinks | None:
        order = "id" if self.model_admin.ids_tell_time else self.date_hierarchy
        times = [rows.order_by(one).values_list(self.date_hierarchy, flat=True).first() for one in (order, f"-{order}")]
        if None in times:
            return None
        first, last = (timezone.localtime(time).date() for time in times)
        return Dates(self, first, max(first, last)).links()

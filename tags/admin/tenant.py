"""What the admin of every table has in common: one organization's rows, and no write but through an action."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tags.admin.listing import ON_A_PAGE, BoundedPaginator, Listing
from tags.admin.log import log_of, told, write_log
from tags.admin.site import caller_of
from tags.errors import BadRequest, Forbidden

# How many rows a search for text looks into: the newest of what the filters leave.
MOST_SEARCHED = 10_000
# How a list may be filtered by its address; anything else (a regular expression, say) is not looked up.
_LOOKUPS = {"", "exact", "isnull", "isempty", "gte", "lt", "year", "month", "day"}


class TenantAdmin(ModelAdmin):  # type: ignore[type-arg]  # no generic when it runs
    """The admin of a table of the organization's: to read, and to write what its class says.

    Django's permissions nobody has; whoever got in may do all that there is. A class that says `may_…` writes through
    an action, in `save_model` or `delete_model`.
    """

    may_add = may_change = may_delete = False
    # Admins' own changes are logged by Django; what has events of its own, or never changes, has no use for that.
    has_log = True
    # Whether all ids are ours, and so sort by time; then a date needs no index of its own.
    ids_tell_time = True
    # Other columns that links to the list may filter by.
    linked_by: ClassVar[Any] = ()
    # Columns that a search for an id looks at, each with an index.
    search_ids: ClassVar[Any] = ("id",)
    # Actions that the page of one row offers, too.
    object_actions: ClassVar[Any] = ()

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = ON_A_PAGE
    list_max_show_all = 0
    paginator = BoundedPaginator
    ordering: ClassVar[Any] = ("-id",)
    sortable_by: ClassVar[Any] = ()
    # Names, and the columns of tags/admin/shown.py.
    fields: ClassVar[Any] = None
    search_help_text = _("An id, or a text in the newest 10,000 that the filters leave.")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_add

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete

    # Reading

    def own(self, rows: Any, organization_id: UUID) -> Any:
        """Those of the organization."""
        return rows.in_organization(organization_id)

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.own(super().get_queryset(request), caller_of(request).organization_id)

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Put on the rows what their columns show of other tables, with as many statements for one row as for all."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """404 where Django would tell on another page that it is not there."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        self.complete(request, [found])
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if self.may_change else (self.fields or ())

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Listing]:
        return Listing

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        name, _separator, kind = lookup.partition("__")
        return name in self._looked_up(request) and kind in _LOOKUPS

    def _looked_up(self, request: HttpRequest) -> set[Any]:
        filters = [one[0] if isinstance(one, tuple) else one for one in self.get_list_filter(request)]
        names = {getattr(one, "parameter_name", one) for one in filters}
        return {*names, *self.linked_by, self.date_hierarchy}

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        wanted = as_uuid(search_term)
        if wanted is not None:
            ways = [Q(**{name: wanted}) for name in self.search_ids]
            return queryset.filter(Q(*ways, _connector=Q.OR)), False
        if search_term.strip():
            queryset = queryset.filter(pk__in=queryset.values("pk")[:MOST_SEARCHED])
        return super().get_search_results(request, queryset, search_term)

    # Writing

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise Forbidden(gettext("Nothing of this is written by hand"))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise Forbidden(gettext("Nothing of this is deleted by hand"))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Themselves: Django would read all that refers to them. What goes with them is the action's affair."""
        names = [str(row) for row in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    def get_action_choices(self, request: HttpRequest, default_choices: Any = ()) -> Any:
        """Each is a button of its own, so none stands for "choose one"."""
        return super().get_action_choices(request, list(default_choices))

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """On what was chosen on the page; never on all that there is, which may be a million."""
        if request.POST.get("select_across", "0") != "0":
            raise BadRequest(gettext("Choose them on the page"))
        return super().response_action(request, queryset, *args)

    def tell(self, request: HttpRequest, words: Any, is_good: bool = True) -> None:
        self.message_user(request, words, messages.SUCCESS if is_good else messages.WARNING)

    # Pages

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        row = kwargs.get("obj")
        actions: Any = self.get_actions(request)
        own = {
            "object_buttons": [
                (name, actions[name][2]) for name in self.object_actions if row and self.is_offered(name, row)
            ],
            "has_history": self.has_log or self.has_events,
            "desk_path": row and self.desk_path(row),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, {**context, **own}, *args, **kwargs)

    def is_offered(self, action: str, row: Any) -> bool:
        """Whether the page of the row has this button."""
        return True

    # Whether the history is read from the stream of events (tags/admin/history.py).
    has_events = False

    def desk_path(self, row: Any) -> str | None:
        """Where the review desk shows the row."""
        return None

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return write_log(request, [obj], ADDITION, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return write_log(request, [obj], CHANGE, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return write_log(request, queryset, DELETION, "")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        pages = BoundedPaginator(log_of(request, self.get_object(request, object_id)), ON_A_PAGE)
        page = pages.get_page(request.GET.get(PAGE_VAR))
        page.object_list = told(page.object_list)
        of_own = {
            "action_list": page,
            "page_range": pages.get_elided_page_range(page.number),
            "pagination_required": pages.num_pages > 1,
        }
        return super().history_view(request, object_id, {**(extra_context or {}), **of_own})


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None

"""What the forms of the saved views ask for; each leads back to the inbox, or shows it with what was wrong."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from tags.actions.credentials import Caller
from tags.actions.decisions import waiting_tags
from tags.actions.saved_views import change_view, create_view, delete_view, seen_views
from tags.db.tenancy import in_organization
from tags.errors import Invalid, TagsiteError
from tags.models import SavedView
from tags.review.access import page_of
from tags.review.inbox import show_inbox
from tags.review.inbox_filter import Filter
from tags.review.inbox_query import InboxQuery

# What is counted of each view; from there on its figure is "at least".
COUNTED = 99


@require_POST
@page_of()
def create(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Save the filter that the page shows."""
    name, is_shared = request.POST.get("name", ""), "is_shared" in request.POST
    return _saved(request, caller, lambda query: create_view(caller, name, query, is_shared=is_shared))


@require_POST
@page_of()
def change(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    """Rename it, share it or keep it for oneself."""
    name, is_shared = request.POST.get("name", ""), "is_shared" in request.POST
    return _saved(request, caller, lambda _query: change_view(caller, id, name=name, is_shared=is_shared))


@require_POST
@page_of()
def replace(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    """Let it ask for what the page shows."""
    return _saved(request, caller, lambda query: change_view(caller, id, query=query))


@require_POST
@page_of()
def delete(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    delete_view(caller, id)
    return HttpResponseRedirect(reverse("inbox"))


@require_safe
@page_of()
def counts(request: HttpRequest, caller: Caller) -> JsonResponse:
    """How many tasks wait in each view that the person sees; those that show all tasks have no figure."""
    with in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        views = list(seen_views(caller))
        figures = {str(view.id): _figure(caller.organization_id, waiting, view) for view in views}
    return JsonResponse({"counts": figures})


def _figure(organization_id: UUID, waiting: list[str], view: SavedView) -> str:
    wanted = Filter.of_query(view.query)
    if wanted is None or wanted.shows_all:
        return ""
    found, more = InboxQuery(organization_id, waiting, wanted).some(COUNTED, None)
    return f"{len(found)}+" if more else str(len(found))


def _saved(request: HttpRequest, caller: Caller, save: Callable[[str], SavedView]) -> HttpResponse:
    """To the view; or the page as it was, its filter in `query`, with what was wrong."""
    query = request.POST.get("query", "")
    wanted = Filter.of_query(query)
    try:
        if wanted is None:
            raise Invalid("This filter is not understood")
        view = save(wanted.query(view=""))
    except TagsiteError as error:
        return show_inbox(request, caller, query, problem=error.message, status=error.status)
    saved = Filter.of_query(view.query) or Filter()
    return HttpResponseRedirect(f"{reverse('inbox')}{saved.query(view=str(view.id))}")

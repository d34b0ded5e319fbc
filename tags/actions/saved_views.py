"""Saved views of the inbox: a person's own, and those that they share with the organization."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tags.actions.credentials import Caller
from tags.db.tenancy import in_organization
from tags.errors import Conflict, Forbidden, Invalid, NotFound, detail
from tags.models import Permission, SavedView, User
from tags.models.saved_view import VIEW_NAME_LENGTH, VIEW_QUERY_LENGTH

MOST_VIEWS = 30
"""That one person may have."""


def seen_views(caller: Caller) -> "QuerySet[SavedView]":
    """Those that the caller sees: their own, and the shared ones. Inside `in_organization`."""
    return SavedView.objects.in_organization(caller.organization_id).seen_by(_person(caller).id)


def create_view(caller: Caller, name: str, query: str, *, is_shared: bool = False) -> SavedView:
    """An own view; the caller must have checked that `query` is a filter. Raises Invalid, Conflict, Forbidden."""
    name, person = _checked(name, query), _person(caller)
    _check_may_share(caller, is_shared)
    with in_organization(caller.organization_id):
        own = SavedView.objects.in_organization(caller.organization_id).filter(user_id=person.id)
        if own.count() >= MOST_VIEWS:  # two at once may make it one more, which harms nobody
            raise Conflict(_("You have %d views. Delete one to save another") % MOST_VIEWS)
        with _one_of_each_name(name):
            view: SavedView = own.create(
                organization_id=caller.organization_id, user=person, name=name, query=query, is_shared=is_shared
            )
    return view


def change_view(
    caller: Caller, view_id: UUID, *, name: str | None = None, query: str | None = None, is_shared: bool | None = None
) -> SavedView:
    """Of a shared view its owner and admins may change all; another's own view is not there at all.

    Raises NotFound, Forbidden, Invalid, Conflict.
    """
    with in_organization(caller.organization_id):
        view = _changeable(caller, view_id)
        _check_may_share(caller, bool(is_shared))
        wanted = {"name": name, "query": query, "is_shared": is_shared}
        changes: dict[str, Any] = {column: value for column, value in wanted.items() if value is not None}
        changes["name"] = _checked(changes.get("name", view.name), changes.get("query", view.query))
        with _one_of_each_name(changes["name"]):
            view.change(**changes)
    return view


def delete_view(caller: Caller, view_id: UUID) -> None:
    """Raises NotFound, Forbidden."""
    with in_organization(caller.organization_id):
        view = _changeable(caller, view_id)
        SavedView.objects.in_organization(caller.organization_id).filter(id=view.id).delete()


def may_change(caller: Caller, view: SavedView) -> bool:
    return view.user_id == _person(caller).id or Permission.ADMINISTER in caller.permissions


def _changeable(caller: Caller, view_id: UUID) -> SavedView:
    view: SavedView | None = seen_views(caller).filter(id=view_id).select_for_update().first()
    if view is None:
        raise NotFound(_("There is no such view"))
    if not may_change(caller, view):
        raise Forbidden(_("Only its owner and admins may change a shared view"))
    return view


def _check_may_share(caller: Caller, is_shared: bool) -> None:
    """Raises Forbidden for viewers: what is shared stands in everybody's inbox."""
    if is_shared and Permission.TAG not in caller.permissions:
        raise Forbidden(_("Viewers cannot share views"))


def _checked(name: str, query: str) -> str:
    """The name without spaces around it. Raises Invalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= VIEW_NAME_LENGTH or "\x00" in name:
        message = _("A view's name has 1 to %d characters") % VIEW_NAME_LENGTH
        raise Invalid(message, [detail(("body", "name"), message, "name")])
    if len(query) > VIEW_QUERY_LENGTH or "\x00" in query:
        message = _("This filter is too long to be saved")
        raise Invalid(message, [detail(("body", "query"), message, "query")])
    return name


@contextmanager
def _one_of_each_name(name: str) -> Iterator[None]:
    """Raises Conflict where the owner has a view of this name already."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(_("There is a view of this name already: %s") % name) from error


def _person(caller: Caller) -> User:
    if caller.user is None:
        raise Forbidden(_("Views are people's"))
    return caller.user

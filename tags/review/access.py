"""Who looks at a page: a logged-in person as a member of the organization they work in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from tags.actions.credentials import Caller, caller_of_page
from tags.db.tenancy import in_organization
from tags.errors import Forbidden, NotAuthenticated
from tags.models import Organization, Permission


def page_of(permission: Permission = Permission.READ) -> Callable[[Callable[..., HttpResponseBase]], Any]:
    """Around a view `(request, caller, ...)`: log-in first, a plain page for who is a member of nothing."""

    def around(view: Callable[..., HttpResponseBase]) -> Any:
        @wraps(view)
        @never_cache
        @login_required
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                caller = caller_of_page(request)
            except NotAuthenticated:
                return render(request, "review/no_organization.html", status=403)
            if permission not in caller.permissions:
                raise Forbidden(f"This needs the permission {permission.value!r}, which you do not have")
            return view(request, caller, *args, **kwargs)

        return page

    return around


def desk(request: HttpRequest, caller: Caller, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page of the desk, with what its frame shows."""
    with in_organization(caller.organization_id):
        organization = Organization.objects.get(id=caller.organization_id)
    frame = {
        "organization": organization,
        "caller": caller,
        "may_decide": Permission.TAG in caller.permissions,
        "may_correct": Permission.CORRECT in caller.permissions,
        "may_administer": Permission.ADMINISTER in caller.permissions,
    }
    return render(request, template, {**frame, **context})

"""Who looks at a page, a logged-in person as a member of the organization they work in; and the frame around it."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from tags.actions.credentials import Caller, caller_of_page
from tags.errors import Forbidden, NotAuthenticated
from tags.models import Permission
from tags.review.desk_words import words
from tags.review.words import per_language


def page_of(permission: Permission = Permission.READ) -> Callable[[Callable[..., HttpResponseBase]], Any]:
    """Around a view `(request, caller, ...)`: log-in first, a plain page for who is a member of nothing."""

    def around(view: Callable[..., HttpResponseBase]) -> Any:
        @wraps(view)
        @never_cache
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _log_in_first(request)
            try:
                caller = caller_of_page(request)
            except NotAuthenticated:
                return render(request, "review/no_organization.html", status=403)
            if permission not in caller.permissions:
                raise Forbidden(_("This needs a permission that you do not have: %s") % permission.value)
            return view(request, caller, *args, **kwargs)

        return page

    return around


def is_navigation(request: HttpRequest) -> bool:
    """Whether the answer is shown as a page: scripts and programs accept anything, and want data."""
    accepts_page = "text/html" in request.headers.get("Accept", "")
    return accepts_page and not request.path_info.startswith(("/api/", "/v1/"))


def _log_in_first(request: HttpRequest) -> HttpResponse:
    """Raises NotAuthenticated where the way over the log-in would lose what was sent, or the page it was sent from."""
    if request.method in ("GET", "HEAD") and "HX-Request" not in request.headers:
        return redirect_to_login(request.get_full_path())
    raise NotAuthenticated(_("Your session has ended. Log in again in another tab, then go on here."))


def desk(request: HttpRequest, caller: Caller, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page of the desk, with what its frame shows."""
    frame = {
        "organization": next(
            member.organization for member in caller.memberships if member.organization_id == caller.organization_id
        ),
        "memberships": caller.memberships,
        "desk_words": words(),
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "caller": caller,
        "may_decide": Permission.TAG in caller.permissions,
        "may_correct": Permission.CORRECT in caller.permissions,
        "may_administer": Permission.ADMINISTER in caller.permissions,
        "dialogs": _dialogs(Permission.TAG in caller.permissions, Permission.CORRECT in caller.permissions),
    }
    return render(request, template, {**frame, **context})


@per_language
def _dialogs(may_decide: bool, may_correct: bool) -> SafeString:
    """The palette and the keys, which differ by nothing else: made once, they are a tenth of a page's time."""
    return render_to_string("review/dialogs.html", {"may_decide": may_decide, "may_correct": may_correct})


def user_id(caller: Caller) -> UUID:
    assert caller.user is not None  # noqa: S101  # a page's caller is a person
    return UUID(str(caller.user.pk))

"""Who gets into the admin, and that every view sees one organization alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from tags.actions.credentials import Caller, caller_of_page
from tags.db.tenancy import in_organization, show
from tags.errors import NotAuthenticated, TagsiteError
from tags.models import Organization, Permission

# Views of Django's that look up whatever table a request names.
_LEFT_OUT = {"autocomplete", "view_on_site"}
# Milliseconds for one statement: whatever somebody filters by, it holds up nobody for longer.
_LONGEST_STATEMENT = "10000"

_NOT_A_MEMBER = _("You are not a member of an organization. Ask one of its admins to add you under your user name.")
_NO_ADMIN = _("These pages are for the admins of your organization. Ask one of them.")
_NOTHING_HERE = _("There is nothing here, or no longer.")
_NOT_DONE_HERE = _("This cannot be done here.")
_NOT_UNDERSTOOD = _("This address or form is not one of these pages'.")
_TOO_LONG = _("That takes too long to find. Choose a date or a filter first.")

SECTIONS = (
    (_("Review"), ("TaskTag", "Decision", "DecidedTask", "Event", "Seal", "ReviewRule", "RuleFiring", "SavedView")),
    (_("Runs"), ("TaskExecution", "FlowExecution", "Flow")),
    (_("Organization and access"), ("Organization", "Membership", "ServiceAccount", "ApiKey")),
    (_("Intake"), ("RejectedEvent", "ProducerRun")),
)


class TagsiteAdmin(AdminSite):
    site_header = site_title = "Tagsite"
    index_title = _("Administration")
    index_template = "admin/tagsite_index.html"
    site_url = "/"
    enable_nav_sidebar = False

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """The whole view is one transaction of the organization, its template included: policies guard it, too."""
        inner = super().admin_view(view, cacheable)

        @csp_replace({"script-src": [SELF]})
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            try:
                caller = caller_of_page(request)
            except NotAuthenticated:
                return _refusal(request, 403, _NOT_A_MEMBER)
            if Permission.ADMINISTER not in caller.permissions:
                return _refusal(request, 403, _NO_ADMIN)
            request.admin_caller = caller  # type: ignore[attr-defined]  # read by caller_of
            return _answer(request, lambda: inner(request, *args, **kwargs))

        return guarded

    def has_permission(self, request: HttpRequest) -> bool:
        return hasattr(request, "admin_caller")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        organization = Organization.objects.get(id=caller_of(request).organization_id)
        return {**super().each_context(request), "site_header": f"Tagsite · {organization.name}"}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The models by what they are about, where Django would list one long application."""
        apps = super().get_app_list(request, app_label)
        models = {model["object_name"]: model for app in apps for model in app["models"]}
        return [
            {**apps[0], "name": title, "models": [models[name] for name in names if name in models]}
            for title, names in SECTIONS
            if models.keys() & set(names)
        ]

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in _LEFT_OUT]

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("log-in")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return LogoutView.as_view(next_page="log-in")(request)


site = TagsiteAdmin(name="admin")


def caller_of(request: HttpRequest) -> Caller:
    """Of a request to one of the site's views."""
    caller: Caller = request.admin_caller  # type: ignore[attr-defined]  # put there by the site for its views
    return caller


def _answer(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """What the view says; or why not, and then all that it wrote is undone."""
    try:
        with in_organization(caller_of(request).organization_id):
            show("statement_timeout", _LONGEST_STATEMENT)
            response = view()
            if isinstance(response, SimpleTemplateResponse):
                response.render()
            return response
    except Http404:
        return _refusal(request, 404, _NOTHING_HERE)
    except TagsiteError as error:
        return _told(request, error)
    except PermissionDenied:
        return _refusal(request, 403, _NOT_DONE_HERE)
    except (SuspiciousOperation, ValidationError):
        return _refusal(request, 400, _NOT_UNDERSTOOD)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return _refusal(request, 503, _TOO_LONG)
        raise


def _told(request: HttpRequest, error: TagsiteError) -> HttpResponse:
    """An action has refused: back to the page it was asked for on, with the reason."""
    if request.method != "POST":
        return _refusal(request, error.status, error.message)
    messages.error(request, error.message)
    return redirect(request.get_full_path())


def _refusal(request: HttpRequest, status: int, reason: Any) -> HttpResponse:
    return render(request, "admin/refusal.html", {"reason": reason, "status": status}, status=status)

"""Who gets in, and that every view sees one organization alone."""

import json
from collections.abc import Iterable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, URLResolver

from tags.actions.credentials import Caller, caller_of_page
from tags.db.tenancy import in_organization
from tags.errors import NotAuthenticated
from tags.models import Organization, Permission

# Views of Django's that look up whatever table a request names.
_LEFT_OUT = {"autocomplete", "view_on_site"}
_ENTRIES_ON_A_PAGE = 100

_NOT_A_MEMBER = "You are not a member of an organization. Ask one of its admins to add you under your user name."
_NO_ADMIN = "These pages are for the admins of your organization. Ask one of them."
_NOTHING_HERE = "There is nothing here, or no longer."


class TagsiteAdmin(AdminSite):
    site_header = site_title = "Tagsite"
    index_title = "Administration"
    index_template = "admin/tagsite_index.html"
    site_url = "/live"
    enable_nav_sidebar = False

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """The whole view is one transaction of the organization, its template included: policies guard it, too."""
        inner = super().admin_view(view, cacheable)

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
            try:
                with in_organization(caller.organization_id):
                    response: HttpResponse = inner(request, *args, **kwargs)
                    if isinstance(response, SimpleTemplateResponse):
                        response.render()
                    return response
            except Http404:
                return _refusal(request, 404, _NOTHING_HERE)

        return guarded

    def has_permission(self, request: HttpRequest) -> bool:
        return hasattr(request, "admin_caller")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        organization = Organization.objects.get(id=caller_of(request).organization_id)
        return {**super().each_context(request), "site_header": f"Tagsite · {organization.name}"}

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in _LEFT_OUT]

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("log-in")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return LogoutView.as_view(next_page="log-in")(request)


site = TagsiteAdmin(name="admin")


def caller_of(request: HttpRequest) -> Caller:
    """Of a request to one of the site's views."""
    caller: Caller = request.admin_caller  # type: ignore[attr-defined]
    return caller


def _refusal(request: HttpRequest, status: int, reason: str) -> HttpResponse:
    return render(request, "admin/refusal.html", {"reason": reason, "status": status}, status=status)


class TenantAdmin(ModelAdmin):  # type: ignore[type-arg]  # no generic when it runs
    """The admin of a table of the organization's. Whoever got in may do all that there is."""

    # What they are asked of, django.contrib.auth's permissions, nobody has.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.in_organization(caller_of(request).organization_id)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """404 where Django would tell on another page that it is not there."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    # Django's log of admin actions is one table for all organizations, without policies. What goes into it says who did
    # what to which id and which fields were changed, never a title or a value; and ids are kept with the organization.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return _log(request, [obj], ADDITION, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return _log(request, [obj], CHANGE, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        return _log(request, queryset, DELETION, "")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        record = self.get_object(request, object_id)
        entries = LogEntry.objects.filter(
            content_type=get_content_type_for_model(record), object_id=_logged_id(request, record)
        )
        pages = Paginator(entries.select_related("user").order_by("-action_time", "-id"), _ENTRIES_ON_A_PAGE)
        page = pages.get_page(request.GET.get(PAGE_VAR))
        of_own = {
            "action_list": page,
            "page_range": pages.get_elided_page_range(page.number),
            "pagination_required": pages.num_pages > 1,
        }
        return super().history_view(request, object_id, {**(extra_context or {}), **of_own})


def _log(request: HttpRequest, records: Iterable[Model], flag: int, message: Any) -> list[LogEntry]:
    return [
        LogEntry.objects.create(
            user_id=UUID(str(request.user.pk)),
            content_type=get_content_type_for_model(record),
            object_id=_logged_id(request, record),
            object_repr="",
            action_flag=flag,
            change_message=json.dumps(message) if isinstance(message, list) else message,
        )
        for record in records
    ]


def _logged_id(request: HttpRequest, record: Model) -> str:
    return f"{caller_of(request).organization_id}/{record.pk}"

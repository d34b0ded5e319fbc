"""The views of the inbox that people have saved, in the admin: to read. They are made and changed in the inbox."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tags.admin import shown
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import SavedView

_SHARED = shown.yes_or_no("is_shared", _("shared"))


@register(SavedView, site=site)
class SavedViewAdmin(TenantAdmin):
    has_log = False
    list_display = ("name", shown.who, _SHARED, shown.moment("created_at", _("time")))
    list_filter = ("is_shared",)
    search_fields = ("name",)
    date_hierarchy = "created_at"
    fields = ("name", shown.who, _SHARED, "query", shown.moment("created_at", _("time")))

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        for row in rows:
            row.actor = f"user:{row.user_id}"
        shown.put_names(caller_of(request).organization_id, rows, "actor")

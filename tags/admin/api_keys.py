"""API keys in the admin: made with their token shown once, renamed, and revoked."""

from typing import Any

from django import forms
from django.contrib.admin import action, display, register
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tags.actions.service_accounts import create_api_key, rename_api_key, revoke_api_key
from tags.admin import shown
from tags.admin.listing import HappenedFilter
from tags.admin.log import REVOKED
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin, as_uuid
from tags.models import ApiKey, ServiceAccount

# A new key's page offers the newest ones; the page of an account leads to a new key for any of them.
_MOST_OFFERED = 200


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    class Meta:
        model = ApiKey
        fields = ("service_account", "name", "expires_at")
        labels = {"service_account": _("Service account"), "name": _("Name"), "expires_at": _("Expires")}
        help_texts = {"expires_at": _("Empty means never.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:  # not on the page of a key that is there
            # Django's widget says them beside the fields, not as their labels.
            day, time = self.fields["expires_at"].widget.widgets
            day.attrs["aria-label"], time.attrs["aria-label"] = _("Expiry date"), _("Expiry time")

    def clean_expires_at(self) -> Any:
        time = self.cleaned_data["expires_at"]
        if time is not None and time <= timezone.now():
            raise ValidationError(_("This is past already."))
        return time


@register(ApiKey, site=site)
class ApiKeyAdmin(TenantAdmin):
    may_add = may_change = True
    form = ApiKeyForm
    list_display = (
        "name",
        "account",
        "shown_prefix",
        "state",
        shown.moment("created_at", _("created"), "created_at"),
        shown.moment("last_used_at", _("last used")),
        shown.moment("expires_at", _("expires")),
    )
    list_filter = (("revoked_at", HappenedFilter),)
    linked_by = ("service_account",)
    search_fields = ("name", "prefix")
    search_ids = ("id", "service_account_id")
    date_hierarchy = "created_at"
    sortable_by = ("name", "created_at")
    actions = object_actions = ("revoke",)
    readonly_fields = (
        "account",
        "shown_prefix",
        "state",
        shown.moment("created_at", _("created")),
        shown.moment("last_used_at", _("last used")),
        shown.moment("expires_at", _("expires")),
        shown.moment("revoked_at", _("revoked")),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", *self.readonly_fields) if obj else ApiKeyForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The accounts that a key can be made for."""
        accounts = ServiceAccount.objects.in_organization(caller_of(request).organization_id).filter(revoked_at=None)
        newest = accounts.order_by("-id").values("id")[:_MOST_OFFERED]
        asked_for = as_uuid(request.GET.get("service_account", ""))
        options["queryset"] = accounts.filter(Q(id=asked_for) | Q(id__in=newest)).order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The account is chosen, not changed in a window of its own."""
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "service_account":
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def complete(self, request: HttpRequest, rows: Any) -> None:
        accounts = ServiceAccount.objects.in_organization(caller_of(request).organization_id)
        found = accounts.in_bulk({row.service_account_id for row in rows})
        for row in rows:
            row.account = found[row.service_account_id]

    @display(description=_("service account"))
    def account(self, key: Any) -> str:
        return shown.object_link("serviceaccount", key.service_account_id, key.account)

    @display(description=_("token"))
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description=_("state"))
    def state(self, key: Any) -> str:
        if key.revoked_at or key.account.revoked_at:
            return shown.badge("failed", _("revoked"))
        if key.expires_at and key.expires_at <= timezone.now():
            return shown.badge("failed", _("expired"))
        return shown.badge("active", _("in use"))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        organization_id, fields = caller_of(request).organization_id, form.cleaned_data
        if change:
            rename_api_key(organization_id, obj.service_account_id, obj.id, fields["name"])
            return
        key, token = create_api_key(organization_id, fields["service_account"].id, fields["name"], fields["expires_at"])
        obj.id, obj.prefix = key.id, key.prefix
        request.new_token = token  # type: ignore[attr-defined]  # for response_add, in this request alone

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        """The token, in this answer and nowhere else: a redirect would have to keep it somewhere."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The key is made"),
            "opts": self.opts,
            "key": obj,
            "token": request.new_token,  # type: ignore[attr-defined]  # of save_model
        }
        return TemplateResponse(request, "admin/api_key_created.html", context)

    def is_offered(self, action: str, row: ApiKey) -> bool:
        return row.revoked_at is None

    @action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        keys = list(queryset)
        for key in keys:
            revoke_api_key(caller_of(request).organization_id, key.service_account_id, key.id)
            self.log_change(request, key, REVOKED)
        self.tell(request, _("Revoked: %d.") % len(keys))

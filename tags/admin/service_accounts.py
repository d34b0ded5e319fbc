"""Programs that may call, in the admin: what they may do, and their end."""

from typing import Any

from django import forms
from django.contrib.admin import action, display, register
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from tags.actions.service_accounts import change_service_account, create_service_account, revoke_service_account
from tags.admin import shown
from tags.admin.listing import HappenedFilter
from tags.admin.log import REVOKED
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import ApiKey, Scope, ServiceAccount


class ServiceAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Read tags and runs; change tags; report runs. They hold from the next request on."),
    )

    class Meta:
        model = ServiceAccount
        fields = ("name", "kind", "scopes")
        labels = {"name": _("Name"), "kind": _("Kind")}
        help_texts = {"kind": _("What the tags that it changes show as “modified by”. It stays as it is.")}


@register(ServiceAccount, site=site)
class ServiceAccountAdmin(TenantAdmin):
    may_add = may_change = True
    form = ServiceAccountForm
    list_display = (
        "name",
        "kind",
        "may",
        "keys",
        shown.moment("created_at", _("created"), "created_at"),
        shown.moment("revoked_at", _("revoked")),
    )
    list_filter = (("revoked_at", HappenedFilter),)
    search_fields = ("name", "kind")
    date_hierarchy = "created_at"
    sortable_by = ("name", "kind", "created_at")
    actions = object_actions = ("revoke",)
    readonly_fields = ("keys", shown.moment("created_at", _("created")), shown.moment("revoked_at", _("revoked")))

    def get_queryset(self, request: HttpRequest) -> Any:
        """`good_keys`: how many of its keys hold now."""
        good = ApiKey.objects.good_at(timezone.now()).filter(
            organization_id=OuterRef("organization_id"), service_account_id=OuterRef("id")
        )
        counted = good.order_by().values("service_account_id").annotate(count=Count("*")).values("count")
        return super().get_queryset(request).annotate(good_keys=Coalesce(Subquery(counted), 0))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*ServiceAccountForm.Meta.fields, *(self.readonly_fields if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("kind", *self.readonly_fields) if obj else ()

    @display(description=_("scopes"))
    def may(self, account: ServiceAccount) -> str:
        labels = dict(Scope.choices)
        return ", ".join(str(labels.get(scope, scope)) for scope in account.scopes)

    @display(description=_("API keys"))
    def keys(self, account: Any) -> str:
        listed = shown.list_link("apikey", _("%d in use") % account.good_keys, service_account=account.id)
        if account.revoked_at:
            return listed
        new = f"{reverse('admin:tags_apikey_add')}?service_account={account.id}"
        return format_html("{} · {}", listed, shown.link(new, _("New key")))

    def save_model(self, request: HttpRequest, obj: ServiceAccount, form: Any, change: bool) -> None:
        organization_id = caller_of(request).organization_id
        name, scopes = form.cleaned_data["name"], form.cleaned_data["scopes"]
        if change:
            change_service_account(organization_id, obj.id, name, scopes)
        else:
            obj.id = create_service_account(organization_id, name, scopes, form.cleaned_data["kind"]).id

    def is_offered(self, action: str, row: ServiceAccount) -> bool:
        return row.revoked_at is None

    @action(description=_("Revoke"))
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        accounts = list(queryset)
        for account in accounts:
            revoke_service_account(caller_of(request).organization_id, account.id)
            self.log_change(request, account, REVOKED)
        self.tell(request, _("Revoked, with all their keys: %d.") % len(accounts))

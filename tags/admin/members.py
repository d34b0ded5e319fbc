"""The people of the organization and their roles, in the admin."""

from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tags.actions.organizations import add_member, change_role, remove_member
from tags.admin import shown
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.models import Membership, User

_JOINED = shown.moment("created_at", _("joined"), "created_at")


class NewMemberForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text=_("A name that is new makes the person, too; they can log in once a password is set for them."),
    )

    class Meta:
        model = Membership
        fields = ("username", "role")
        labels = {"role": _("Role")}


@register(Membership, site=site)
class MembershipAdmin(TenantAdmin):
    may_add = may_change = may_delete = True
    list_display = ("person", "role", _JOINED, "may_log_in")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    date_hierarchy = "created_at"
    sortable_by = ("person", "role", "created_at")
    fields = ("person", "role", _JOINED)
    readonly_fields = ("person", _JOINED)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **(options if obj else {**options, "form": NewMemberForm}))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else NewMemberForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    @display(description=_("user name"), ordering="user__username")
    def person(self, membership: Membership) -> str:
        return membership.user.get_username()

    @display(description=_("can log in"))
    def may_log_in(self, membership: Membership) -> str:
        return shown.icon(membership.user.is_active and membership.user.has_usable_password())

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        organization_id, role = caller_of(request).organization_id, form.cleaned_data["role"]
        if change:
            change_role(organization_id, obj.id, role)
        else:
            member = add_member(organization_id, form.cleaned_data["username"], role)
            obj.id, obj.user = member.id, member.user

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_member(caller_of(request).organization_id, obj.id)

"""The organization itself, in the admin: its name, and which tags make a task wait."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib.admin import display, register
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from tags.actions.organizations import change_organization, check_waiting_tags
from tags.admin import shown
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.errors import Invalid
from tags.events.reading import current_position
from tags.models import Organization

_CREATED = shown.moment("created_at", _("created"))


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 5, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != self.clean(data))


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic when it runs
    waiting_tags = LinesField(
        label=_("Waiting tags"),
        help_text=_("One on each line, of whatever type. A task with one of these tags waits in the inbox."),
    )

    class Meta:
        model = Organization
        fields = ("name", "waiting_tags")
        labels = {"name": _("Name")}

    def clean_waiting_tags(self) -> Any:
        tags = self.cleaned_data["waiting_tags"]
        try:
            check_waiting_tags(tags)
        except Invalid as invalid:
            raise ValidationError(invalid.message) from invalid
        return tags


@register(Organization, site=site)
class OrganizationAdmin(TenantAdmin):
    may_change = True
    form = OrganizationForm
    list_display = ("name", _CREATED)
    fields = ("name", "waiting_tags", shown.own_id, _CREATED, "events")
    readonly_fields: ClassVar[Any] = (shown.own_id, _CREATED, "events")

    def own(self, rows: Any, organization_id: UUID) -> Any:
        return rows.filter(id=organization_id)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one, so there is no list."""
        return redirect("admin:tags_organization_change", caller_of(request).organization_id)

    @display(description=_("events so far"))
    def events(self, organization: Organization) -> int:
        return current_position(organization.id)

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        fields = form.cleaned_data
        change_organization(obj.id, fields["name"], fields["waiting_tags"])

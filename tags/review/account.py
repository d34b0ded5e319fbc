"""A person's own page: the organizations they belong to, how pages are shown to them, and their password."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from tags.actions import people
from tags.actions.credentials import SESSION_ORGANIZATION, Caller
from tags.errors import BadRequest, NotFound
from tags.models import Theme, User
from tags.review.access import desk, page_of, user_id
from tags.review.preferences import browser_time_zone, time_zones

# The regions under which the IANA keeps the zones of today; it keeps old names beside them.
_REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class _OrganizationForm(forms.Form):
    organization_id = forms.UUIDField()


class _EmailForm(forms.Form):
    """Whoever can read that mail can get in, so the password is asked for."""

    email = forms.EmailField(label=gettext_lazy("Mail address"), max_length=254, required=False)
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError(_("That is not your password."))
        return password


class PreferencesForm(forms.Form):
    theme = forms.ChoiceField(label=gettext_lazy("Light or dark"), choices=Theme.choices, widget=forms.RadioSelect)
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)

    def __init__(self, of_browser: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", _("As the browser")), *settings.LANGUAGES]  # type: ignore[attr-defined]  # a Field to the stubs; it is a ChoiceField
        by_browser = _("As the browser: %(zone)s") % {"zone": of_browser.replace("_", " ")}
        self.fields["time_zone"].choices = [("", by_browser), ("UTC", "UTC"), *_zones_by_region()]  # type: ignore[attr-defined]  # a Field to the stubs; it is a ChoiceField


def _zones_by_region() -> list[tuple[str, list[tuple[str, str]]]]:
    zones = sorted(time_zones())
    return [(region, [_named(zone) for zone in zones if zone.startswith(f"{region}/")]) for region in _REGIONS]


def _named(zone: str) -> tuple[str, str]:
    return zone, zone.partition("/")[2].replace("_", " ")


@require_http_methods(["GET", "HEAD", "POST"])
@page_of()
def account(request: HttpRequest, caller: Caller) -> HttpResponse:
    assert caller.user is not None  # noqa: S101  # a page's caller is a person
    stored = {name: getattr(caller.user, name) for name in PreferencesForm.base_fields}
    form = PreferencesForm(browser_time_zone(request), request.POST or None, initial=stored)
    if form.is_valid():
        people.change_preferences(user_id(caller), **form.cleaned_data)
        with translation.override(form.cleaned_data["language"] or translation.get_language_from_request(request)):
            messages.success(request, _("Saved."))
        return redirect("account")
    return desk(request, caller, "review/account.html", {"form": form, "section": "account"})


@require_POST
@page_of()
def change_theme(request: HttpRequest, caller: Caller) -> HttpResponse:
    """From any page; the page's script shows it there (tags/static/tags/theme.js). Raises BadRequest."""
    theme = request.POST.get("theme", "")
    if theme not in Theme.values:
        raise BadRequest("There is no such theme")
    people.change_theme(user_id(caller), Theme(theme))
    return redirect("account")


@require_POST
@page_of()
def work_in(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Work in another organization from now on. Raises NotFound for one that the person does not belong to."""
    form = _OrganizationForm(request.POST)
    if not form.is_valid():
        raise NotFound("There is no such organization")
    organization_id: UUID = form.cleaned_data["organization_id"]
    if organization_id not in {member.organization_id for member in caller.memberships}:
        raise NotFound("There is no such organization")
    request.session[SESSION_ORGANIZATION] = str(organization_id)
    return redirect("inbox")


@require_http_methods(["GET", "HEAD", "POST"])
@page_of()
def change_email(request: HttpRequest, caller: Caller) -> HttpResponse:
    assert caller.user is not None  # noqa: S101  # a page's caller is a person
    form = _EmailForm(caller.user, request.POST or None, initial={"email": caller.user.email})
    if form.is_valid():
        people.change_email(user_id(caller), form.cleaned_data["email"])
        messages.success(request, _("Your mail address is changed."))
        return redirect("account")
    return render(request, "review/email.html", {"form": form})


class ChangePassword(views.PasswordChangeView):
    """Ends all other sessions, sockets and tokens of the person; this one goes on."""

    template_name = "review/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password is changed."))
        return super().form_valid(form)

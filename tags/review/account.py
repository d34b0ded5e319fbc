"""A person's own page: the organizations they belong to, and their password."""

from uuid import UUID

from django import forms
from django.contrib.auth import views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_POST, require_safe

from tags.actions.credentials import SESSION_ORGANIZATION, Caller
from tags.db import tenancy
from tags.errors import NotFound
from tags.models import Membership
from tags.review.access import desk, page_of


class _OrganizationForm(forms.Form):
    organization_id = forms.UUIDField()


@require_safe
@page_of()
def account(request: HttpRequest, caller: Caller) -> HttpResponse:
    with tenancy.as_user(_user_id(caller)):
        memberships = list(
            Membership.objects.filter(user_id=_user_id(caller))
            .select_related("organization")
            .order_by("organization__name", "id")
        )
    return desk(request, caller, "review/account.html", {"memberships": memberships, "section": "account"})


@require_POST
@page_of()
def work_in(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Work in another organization from now on. Raises NotFound for one that the person does not belong to."""
    form = _OrganizationForm(request.POST)
    if not form.is_valid():
        raise NotFound("There is no such organization")
    organization_id: UUID = form.cleaned_data["organization_id"]
    with tenancy.as_user(_user_id(caller)):
        belongs = Membership.objects.filter(user_id=_user_id(caller), organization_id=organization_id).exists()
    if not belongs:
        raise NotFound("There is no such organization")
    request.session[SESSION_ORGANIZATION] = str(organization_id)
    return redirect("inbox")


def _user_id(caller: Caller) -> UUID:
    assert caller.user is not None  # noqa: S101  # a page's caller is a person
    return UUID(str(caller.user.pk))


class ChangePassword(views.PasswordChangeView):
    """Ends all other sessions, sockets and tokens of the person; this one goes on."""

    template_name = "review/password.html"
    success_url = reverse_lazy("account")

"""What a person chooses is how every page is shown; what they leave open is their browser's."""

from typing import Any

import pytest

from tags.actions.organizations import add_member
from tags.models import Role, User
from tests.cast import PASSWORD, Tenant
from tests.clients import Client
from tests.review.pages import browser, text

GERMAN = {"Accept-Language": "de-AT,de;q=0.9"}


def choose(client: Client, **chosen: str) -> int:
    return client.post("/account", {"theme": "system", "language": "", "time_zone": "", **chosen}).status_code


def test_what_is_chosen_holds_on_every_page_and_in_every_browser(tenant: Tenant) -> None:
    record = tenant.task(tenant.execution(), "extract", started_at="2026-03-01T12:00:00Z")
    assert choose(browser(tenant), theme="dark", language="de", time_zone="Asia/Kathmandu") == 302
    for path in ("/", "/account", "/account/password", "/activity", "/insights", f"/tasks/{record.id}"):
        page = text(browser(tenant).get(path))
        assert '<html lang="de"' in page
        assert 'data-theme="dark"' in page
        assert 'data-time-zone="Asia/Kathmandu"' in page
    page = text(browser(tenant).get(f"/tasks/{record.id}"))
    assert 'datetime="2026-03-01T17:45:00+05:45"' in page
    assert "1. März 2026, 17:45:00" in page
    assert "Eingang" in page


def test_what_is_left_open_is_the_browsers(tenant: Tenant) -> None:
    record = tenant.task(tenant.execution(), "extract", started_at="2026-07-01T12:00:00Z")
    client = browser(tenant)
    assert "1 Jul 2026, 12:00:00" in text(client.get(f"/tasks/{record.id}"))
    client.cookies["time_zone"] = "Europe%2FBerlin"
    page = text(client.get(f"/tasks/{record.id}", headers=GERMAN))
    assert "1. Juli 2026, 14:00:00" in page
    assert 'title="2026-07-01 14:00:00 CEST"' in page
    assert "Anmelden" in text(Client().get("/log-in", headers=GERMAN))


@pytest.mark.parametrize("cookie", ["../../etc/passwd", "Mars/Base", "", "x" * 5000])
def test_a_time_zone_that_is_none_is_utc(tenant: Tenant, cookie: str) -> None:
    client = browser(tenant)
    client.cookies["time_zone"] = cookie
    assert 'data-time-zone="UTC"' in text(client.get("/account"))


@pytest.mark.parametrize("chosen", [{"theme": "pink"}, {"language": "xx"}, {"time_zone": "Mars/Base"}, {"theme": ""}])
def test_what_cannot_be_chosen_changes_nothing(tenant: Tenant, chosen: dict[str, str]) -> None:
    assert choose(browser(tenant), **chosen) == 200
    user = User.objects.get(id=tenant.reviewer.id)
    assert (user.theme, user.language, user.time_zone) == ("system", "", "")


def test_programs_are_answered_in_english(tenant: Tenant) -> None:
    client = browser(tenant)
    choose(client, language="de")
    assert client.get("/api/nothing", headers=GERMAN).json()["error"]["message"] == "Not found"


def test_every_page_leads_to_the_persons_other_organizations(tenant: Tenant, neighbour: Tenant) -> None:
    assert "Neighbour" not in text(browser(tenant).get("/activity"))
    add_member(neighbour.id, tenant.reviewer.username, Role.VIEWER)
    for path in ("/", "/activity", "/insights"):
        assert f'value="{neighbour.id}"' in text(browser(tenant).get(path))


def test_scripts_are_told_the_cookie_of_the_token(tenant: Tenant, settings: Any) -> None:
    """Over HTTPS it has another name; without the token no decision would be taken."""
    settings.CSRF_COOKIE_NAME = "__Host-csrftoken"
    client = browser(tenant)
    assert 'data-csrf-cookie="__Host-csrftoken"' in text(client.get("/"))
    assert "__Host-csrftoken" in client.cookies


def test_the_mail_address_changes_with_the_password_alone(tenant: Tenant) -> None:
    client = browser(tenant)
    assert client.post("/account/email", {"email": "a@tagsite.example", "password": "wrong"}).status_code == 200
    assert User.objects.get(id=tenant.reviewer.id).email == ""
    assert client.post("/account/email", {"email": "a@tagsite.example", "password": PASSWORD}).status_code == 302
    assert User.objects.get(id=tenant.reviewer.id).email == "a@tagsite.example"

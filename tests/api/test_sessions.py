"""The browser's way in: a session cookie, and the CSRF token for changes."""

from typing import Any

import pytest
from django.http import HttpResponse

from tags.api.authentication import SESSION_ORGANIZATION
from tests.api.calls import forbidden, position, refused, unknown_credential
from tests.cast import PASSWORD, Tenant, operation
from tests.clients import Client


@pytest.fixture
def browser(tenant: Tenant) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    assert client.login(username=tenant.reviewer.username, password=PASSWORD)
    return client


def csrf_token(browser: Client) -> str:
    """What a page's script reads from the cookie; any 32 letters will do, as long as cookie and header agree."""
    browser.cookies["csrftoken"] = "a" * 32
    return "a" * 32


def tag(browser: Client, tenant: Tenant, headers: dict[str, str] | None = None) -> HttpResponse:
    body: dict[str, Any] = {"tags": [operation("add", tenant.execution("extract"), "extract", "approved")]}
    return browser.patch("/api/task-tags", body, content_type="application/json", headers=headers)


def test_a_session_reads(tenant: Tenant, browser: Client) -> None:
    assert browser.get("/api/profile/me").json()["username"] == tenant.reviewer.username


def test_a_change_without_the_csrf_token_is_forbidden_and_nothing_changes(tenant: Tenant, browser: Client) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    body = {"tags": [operation("add", execution, "extract", "approved")]}
    error = forbidden(browser.patch("/api/task-tags", body, content_type="application/json"))
    assert "CSRF" in error["message"]
    assert position(tenant) == before


def test_a_change_with_a_wrong_csrf_token_is_forbidden(tenant: Tenant, browser: Client) -> None:
    csrf_token(browser)
    forbidden(tag(browser, tenant, {"X-CSRFToken": "x" * 32}))


def test_a_change_with_the_csrf_token_is_made(tenant: Tenant, browser: Client) -> None:
    assert tag(browser, tenant, {"X-CSRFToken": csrf_token(browser)}).status_code == 200


def test_an_api_key_needs_no_csrf_token(tenant: Tenant) -> None:
    client = Client(enforce_csrf_checks=True)
    assert tag(client, tenant, {"X-API-Key": tenant.token}).status_code == 200


def test_an_api_key_comes_before_the_session(tenant: Tenant, browser: Client) -> None:
    assert tag(browser, tenant, {"X-API-Key": tenant.token}).status_code == 200


def test_a_bad_api_key_is_not_made_good_by_a_session(browser: Client) -> None:
    unknown_credential(browser.get("/api/profile/me", headers={"X-API-Key": "nonsense"}))


def test_a_session_that_was_logged_out_opens_nothing(browser: Client) -> None:
    browser.logout()
    unknown_credential(browser.get("/api/profile/me"))


def test_a_session_cookie_of_nobody_opens_nothing() -> None:
    client = Client()
    client.cookies["sessionid"] = "x" * 32
    unknown_credential(client.get("/api/profile/me"))


def test_a_session_works_in_the_organization_that_it_names(tenant: Tenant, neighbour: Tenant, browser: Client) -> None:
    neighbour.api("admin").post("/api/members", {"username": tenant.reviewer.username, "role": "viewer"})
    session = browser.session
    session[SESSION_ORGANIZATION] = str(neighbour.id)
    session.save()
    assert browser.get("/api/profile/me").json()["organization"]["id"] == str(neighbour.id)


def test_a_session_that_names_a_foreign_organization_opens_nothing(neighbour: Tenant, browser: Client) -> None:
    session = browser.session
    session[SESSION_ORGANIZATION] = str(neighbour.id)
    session.save()
    unknown_credential(browser.get("/api/profile/me"))


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "text/plain"]
)
@pytest.mark.parametrize("size", [10, 3 * 2**20])
def test_a_form_in_a_session_is_an_unsupported_media_type(
    tenant: Tenant, browser: Client, content_type: str, size: int
) -> None:
    browser.login(username=tenant.admin.username, password=PASSWORD)
    headers = {"X-CSRFToken": csrf_token(browser)}
    body = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"x" * size + b"\r\n--b--\r\n"
    response = browser.post("/api/flow-executions", body, content_type=content_type, headers=headers)
    refused(response, 415, "unsupported_media_type")

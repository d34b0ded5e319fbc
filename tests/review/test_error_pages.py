"""An error is a page that says what to do for who navigates, and the contract's body for programs and scripts."""

import pytest
from django.db import OperationalError

from tags.review import account
from tests.cast import Tenant
from tests.clients import Client
from tests.review.pages import browser, text

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def client_of(tenant: Tenant, **options: bool) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.force_login(tenant.viewer)
    return client


def says(response: object, status: int, words: str) -> None:
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert words in text(response)
    assert response["X-Request-ID"] in text(response)


def test_what_is_not_there_or_not_allowed_is_a_page(tenant: Tenant) -> None:
    says(client_of(tenant).get("/nothing", headers=PAGE), 404, "There is nothing here")
    says(client_of(tenant).post("/decisions", headers=PAGE), 403, "Your role in this organization")
    says(client_of(tenant, enforce_csrf_checks=True).post("/account", headers=PAGE), 403, "load the page again")


def test_scripts_and_programs_get_the_contracts_body(tenant: Tenant) -> None:
    for path, headers in [("/nothing", {}), ("/nothing", {"Accept": "*/*"}), ("/api/nothing", PAGE), ("/v1/x", PAGE)]:
        answer = client_of(tenant).get(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_session_that_ended_loses_nothing_that_was_sent(tenant: Tenant) -> None:
    says(Client().post("/account", headers=PAGE), 401, "in another tab")
    answer = Client().post("/decisions", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "user_info_not_found")
    assert "Log in again in another tab" in answer.json()["error"]["message"]
    assert Client().get("/activity", headers={"HX-Request": "true"}).status_code == 401
    assert Client().get("/activity", headers=PAGE)["Location"] == "/log-in?next=/activity"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(OperationalError("gone"), 503, "The database cannot be reached"), (RuntimeError("boo"), 500, "on our side")],
)
def test_a_fault_says_what_to_do_and_nothing_of_its_cause(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, words: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(account, "desk", fail)
    page = client_of(tenant).get("/account", headers=PAGE)
    says(page, status, words)
    assert str(error) not in text(page)
    assert ("Retry-After" in page) == (status == 503)


def test_while_the_database_is_away_the_person_is_not_known_either(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(tenant)
    client.raise_request_exception = False

    def fail(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    says(client.get("/", headers=PAGE), 503, "The database cannot be reached")
    assert client.get("/").json()["error"]["code"] == "repository_error"

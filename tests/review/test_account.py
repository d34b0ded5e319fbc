"""A person's own page: which organization they work in, and their password."""

import pytest
from django.core.cache import cache

from tags.actions.organizations import add_member
from tags.api.tokens import LoginThrottle
from tags.models import Role
from tests.api.calls import UNKNOWN_ID, not_found
from tests.cast import PASSWORD, Tenant
from tests.clients import Client

NEW = "another horse battery staple"


def browser(tenant: Tenant) -> Client:
    client = Client(raise_request_exception=False)
    assert client.login(username=tenant.reviewer.username, password=PASSWORD)
    return client


def test_it_lists_the_organizations_of_the_person_and_no_others(tenant: Tenant, neighbour: Tenant) -> None:
    page = browser(tenant).get("/account").content.decode()
    assert "Acme" in page
    assert "Neighbour" not in page
    add_member(neighbour.id, tenant.reviewer.username, Role.VIEWER)
    assert "Neighbour" in browser(tenant).get("/account").content.decode()


def test_one_works_in_another_organization_from_then_on(tenant: Tenant, neighbour: Tenant) -> None:
    add_member(neighbour.id, tenant.reviewer.username, Role.VIEWER)
    client = browser(tenant)
    assert client.post("/account/organization", {"organization_id": str(neighbour.id)}).status_code == 302
    assert client.get("/api/profile/me").json()["organization"]["id"] == str(neighbour.id)
    client.post("/account/organization", {"organization_id": str(tenant.id)})
    assert client.get("/api/profile/me").json()["organization"]["id"] == str(tenant.id)


def test_one_does_not_get_into_anothers_organization(tenant: Tenant, neighbour: Tenant) -> None:
    client = browser(tenant)
    for id in (str(neighbour.id), UNKNOWN_ID, "x", ""):
        not_found(client.post("/account/organization", {"organization_id": id}))
    assert client.get("/api/profile/me").json()["organization"]["id"] == str(tenant.id)


def test_a_new_password_ends_the_other_sessions_and_not_this_one(tenant: Tenant) -> None:
    here, elsewhere = browser(tenant), browser(tenant)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert here.post("/account/password", form).status_code == 302
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert not Client().login(username=tenant.reviewer.username, password=PASSWORD)
    assert Client().login(username=tenant.reviewer.username, password=NEW)


def test_a_password_that_will_not_do_is_refused_in_words(tenant: Tenant) -> None:
    client = browser(tenant)
    for old, new, again, said in [
        ("wrong", NEW, NEW, "old password was entered incorrectly"),
        (PASSWORD, NEW, NEW + "x", "password fields didn"),
        (PASSWORD, "12345678", "12345678", "entirely numeric"),
    ]:
        form = {"old_password": old, "new_password1": new, "new_password2": again}
        answer = client.post("/account/password", form)
        assert answer.status_code == 200
        assert said in answer.content.decode()


def test_without_a_log_in_there_is_no_page(tenant: Tenant) -> None:
    for path in ("/account", "/account/password"):
        assert Client().get(path)["Location"].startswith("/log-in?next=")


def test_who_guesses_at_the_log_in_page_has_to_wait(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(LoginThrottle, "rate", "3/min")
    client = Client()
    for _ in range(3):
        assert client.post("/log-in", {"username": tenant.reviewer.username, "password": "wrong"}).status_code == 200
    answer = client.post("/log-in", {"username": tenant.reviewer.username, "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert "Too many attempts" in answer.content.decode()

"""Programs, keys, people and the organization itself in the admin."""

import re
from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import LogEntry

from tags.actions.organizations import create_user
from tags.actions.service_accounts import create_service_account, revoke_service_account
from tags.db.tenancy import in_organization
from tags.models import ApiKey, Membership, Organization, Role, Scope, ServiceAccount
from tags.models.ids import uuid7
from tests.admin.browsing import ACCOUNTS, KEYS, MEMBERS, ORGANIZATION, Person, text
from tests.cast import Api, Tenant


@pytest.fixture
def person(tenant: Tenant) -> Person:
    return Person.logged_in(tenant.admin)


def account_of(tenant: Tenant, **wanted: Any) -> ServiceAccount:
    with in_organization(tenant.id):
        return ServiceAccount.objects.get(**wanted)


def new_key(person: Person, account: ServiceAccount, **fields: Any) -> Any:
    form = {"service_account": str(account.id), "name": "laptop", "expires_at_0": "", "expires_at_1": "", **fields}
    return person.post(f"{KEYS}add/", form)


def test_a_key_from_its_making_to_its_end(tenant: Tenant, person: Person, owner: psycopg.Connection) -> None:
    """The token is in one answer, and nowhere else: not in the database, the session or the log."""
    answer = new_key(person, account_of(tenant))
    (token,) = re.findall(r'value="(tagsite_[\w-]+)"', text(answer))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert Api({"X-API-Key": token}).get("/api/events").status_code == 200
    with in_organization(tenant.id):
        key = ApiKey.objects.get(name="laptop")
    path = f"{KEYS}{key.id}/change/"
    assert key.prefix in text(person.get(path))
    for table in ("api_key", "django_session", "django_admin_log"):
        rows = owner.execute(f"SELECT t::text FROM {table} AS t").fetchall()
        assert token not in str(rows)
    assert all(token not in text(person.get(at)) for at in (KEYS, path, f"{KEYS}{key.id}/history/"))

    assert person.post(path, {"name": "desktop", "prefix": "mine", "digest": "x"}).status_code == 302
    with in_organization(tenant.id):
        renamed = ApiKey.objects.get(id=key.id)
    assert (renamed.name, renamed.prefix, bytes(renamed.digest)) == ("desktop", key.prefix, bytes(key.digest))
    assert "Revoked: 1." in person.act(KEYS, "revoke", key.id)
    assert Api({"X-API-Key": token}).get("/api/events").status_code == 401
    assert "Revoked." in text(person.get(f"{KEYS}{key.id}/history/"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00"}, "This is past already."),
        ({"service_account": str(uuid7())}, "Select a valid choice."),
        ({"service_account": "x"}, "is not a valid UUID"),
    ],
)
def test_a_key_that_cannot_be(tenant: Tenant, person: Person, fields: dict[str, str], words: str) -> None:
    assert words in text(new_key(person, account_of(tenant), **fields))
    with in_organization(tenant.id):
        assert ApiKey.objects.count() == 1


def test_no_key_for_the_neighbours_program_or_a_revoked_one(tenant: Tenant, neighbour: Tenant, person: Person) -> None:
    theirs = account_of(neighbour)
    ended = create_service_account(tenant.id, "ended", [Scope.READ], "integration")
    revoke_service_account(tenant.id, ended.id)
    for account in (theirs, ended):
        assert "Select a valid choice." in text(new_key(person, account))
        assert str(account.id) not in re.sub(r"<a .*?>", "", text(person.get(f"{KEYS}add/")))


def test_a_program_is_made_changed_and_ended(tenant: Tenant, person: Person) -> None:
    form = {"name": "nightly", "kind": "airflow", "scopes": ["read", "ingest"]}
    assert person.post(f"{ACCOUNTS}add/", form).status_code == 302
    made = account_of(tenant, name="nightly")
    assert (made.kind, made.scopes) == ("airflow", ["read", "ingest"])
    path = f"{ACCOUNTS}{made.id}/change/"
    assert person.post(path, {"name": "daily", "kind": "other", "scopes": ["read"]}).status_code == 302
    changed = account_of(tenant, id=made.id)
    assert (changed.name, changed.kind, changed.scopes) == ("daily", "airflow", ["read"])
    for scopes in ([], ["root"]):
        assert person.post(path, {"name": "daily", "scopes": scopes}).status_code == 200
    assert "Revoked, with all their keys: 1." in person.act(ACCOUNTS, "revoke", account_of(tenant, name="worker").id)
    assert tenant.api().get("/api/events").status_code == 401


def membership(tenant: Tenant, username: str) -> Membership:
    with in_organization(tenant.id):
        return Membership.objects.select_related("user").get(user__username=username)


def test_people_and_their_roles(tenant: Tenant, person: Person) -> None:
    known = create_user(f"known-{uuid7()}").username
    for name in (known, f"new-{uuid7()}"):
        assert person.post(f"{MEMBERS}add/", {"username": name, "role": "viewer"}).status_code == 302
        assert membership(tenant, name).role == Role.VIEWER
    path = f"{MEMBERS}{membership(tenant, known).id}/change/"
    assert person.post(path, {"role": "reviewer", "username": "other"}).status_code == 302
    assert membership(tenant, known).role == Role.REVIEWER
    assert person.post(path, {"role": "owner"}).status_code == 200
    again = person.post(f"{MEMBERS}add/", {"username": known, "role": "viewer"})
    assert "This person is a member already" in text(person.get(again["Location"]))
    assert person.post(f"{MEMBERS}add/", {"username": "a b\x00", "role": "viewer"}).status_code == 200
    chosen = {"action": "delete_selected", "_selected_action": str(membership(tenant, known).id), "post": "yes"}
    assert person.post(MEMBERS, chosen, MEMBERS).status_code == 302
    with in_organization(tenant.id):
        assert not Membership.objects.filter(user__username=known).exists()


def test_an_admin_stays_and_what_failed_changed_nothing(tenant: Tenant, person: Person) -> None:
    """A refusal in the middle of a bulk deletion takes all of it back, what was logged of it too."""
    with in_organization(tenant.id):
        everybody = list(Membership.objects.order_by("id").values_list("id", flat=True))
    logged = LogEntry.objects.filter(user=tenant.admin).count()
    chosen = {"action": "delete_selected", "_selected_action": [str(id) for id in everybody], "post": "yes"}
    answer = person.post(MEMBERS, chosen, MEMBERS)
    assert "An organization keeps at least one admin" in text(person.get(answer["Location"]))
    own = f"{MEMBERS}{membership(tenant, tenant.admin.username).id}/"
    for path, form in ((f"{own}change/", {"role": "viewer"}), (f"{own}delete/", {"post": "yes"})):
        assert "at least one admin" in text(person.get(person.post(path, form)["Location"]))
    with in_organization(tenant.id):
        assert Membership.objects.count() == len(everybody)
    assert LogEntry.objects.filter(user=tenant.admin).count() == logged


def test_the_organization(tenant: Tenant, neighbour: Tenant, person: Person) -> None:
    path = f"{ORGANIZATION}{tenant.id}/change/"
    assert person.get(ORGANIZATION)["Location"] == path
    form = {"name": "Acme & <Sons>", "waiting_tags": " pending_approval \n\nlook at it\npending_approval"}
    assert person.post(path, form).status_code == 302
    with in_organization(tenant.id):
        organization = Organization.objects.get(id=tenant.id)
    assert (organization.name, organization.waiting_tags) == ("Acme & <Sons>", ["pending_approval", "look at it"])
    assert "Acme &amp; &lt;Sons&gt;" in text(person.get("/admin/"))
    for bad in ("x" * 201, "\n".join(map(str, range(21))), "a\x00b", "approved"):
        assert 'class="errorlist"' in text(person.post(path, {"name": "Acme", "waiting_tags": bad}))
    with in_organization(neighbour.id):
        assert Organization.objects.get(id=neighbour.id).name == "Neighbour"


def test_a_scope_that_this_version_does_not_know_is_shown_as_it_is(
    tenant: Tenant, person: Person, owner: psycopg.Connection
) -> None:
    account = account_of(tenant)
    owner.execute("UPDATE service_account SET scopes = %s WHERE id = %s", ['["read", "fly"]', account.id])
    assert "Read, fly" in text(person.get(ACCOUNTS))
    assert person.get(f"{ACCOUNTS}{account.id}/change/").status_code == 200

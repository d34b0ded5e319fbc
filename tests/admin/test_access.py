"""Who gets into the admin, and that it is one organization's, whoever looks."""

from collections.abc import Iterator

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.urls import URLPattern, URLResolver

from tags.actions.organizations import add_member, change_role, create_user
from tags.actions.rules import create_rule
from tags.admin import site
from tags.db.tenancy import in_organization
from tags.models import Membership, ReviewRule, Role, User
from tags.models.ids import uuid7
from tests.admin.browsing import REJECTED, RULES, Person, rule_form, text
from tests.cast import Tenant

PAGES = ["/admin/", "/admin/tags/", RULES, f"{RULES}add/", REJECTED, "/admin/password_change/", "/admin/jsi18n/"]


def a_rule(tenant: Tenant, name: str = "a rule") -> ReviewRule:
    return create_rule(tenant.id, {"name": name, "tags": [{"tag": "look", "tag_type": "rule"}]})


@pytest.mark.parametrize("path", PAGES)
def test_an_admin_gets_in(tenant: Tenant, path: str) -> None:
    assert Person.logged_in(tenant.admin).get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", ["reviewer", "viewer"])
def test_others_do_not(tenant: Tenant, path: str, who: str) -> None:
    answer = Person.logged_in(getattr(tenant, who)).get(path)
    assert answer.status_code == 403
    assert "for the admins of your organization" in text(answer)


@pytest.mark.parametrize("path", PAGES)
def test_whoever_is_not_logged_in_is_sent_there(path: str) -> None:
    answer = Person().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/log-in?next={path}")


def test_djangos_own_log_in_is_not_there(tenant: Tenant) -> None:
    assert Person().get("/admin/login/")["Location"] == "/log-in"


def test_staff_and_superusers_are_nobody_here(tenant: Tenant) -> None:
    nobody = create_user(f"root-{uuid7()}", is_staff=True)
    User.objects.filter(id=nobody.id).update(is_superuser=True)
    assert Person.logged_in(nobody).get("/admin/").status_code == 403
    User.objects.filter(id=tenant.reviewer.id).update(is_superuser=True, is_staff=True)
    assert Person.logged_in(tenant.reviewer).get(RULES).status_code == 403


def test_an_api_credential_is_none(tenant: Tenant) -> None:
    for who in ("program", "admin"):
        assert tenant.api(who).get(RULES).status_code == 302


def test_the_sessions_organization_counts(tenant: Tenant, neighbour: Tenant) -> None:
    """An admin there is not one here; and a member of both sees one at a time."""
    add_member(neighbour.id, tenant.admin.username, Role.VIEWER)
    a_rule(tenant, "ours"), a_rule(neighbour, "theirs")
    own, other = (Person.logged_in(tenant.admin, one.id) for one in (tenant, neighbour))
    assert own.get(RULES).status_code == 200
    assert other.get(RULES).status_code == 403
    with in_organization(neighbour.id):
        membership = Membership.objects.get(user=tenant.admin)
    change_role(neighbour.id, membership.id, Role.ADMIN)
    for person, seen, hidden in ((own, "ours", "theirs"), (other, "theirs", "ours")):
        assert seen in text(person.get(RULES))
        assert hidden not in text(person.get(RULES))


def test_a_membership_that_ended_ends_it(tenant: Tenant) -> None:
    person = Person.logged_in(tenant.admin)
    with in_organization(tenant.id):
        Membership.objects.filter(user=tenant.admin).delete()
    assert person.get(RULES).status_code == 403
    assert Person.logged_in(tenant.reviewer, uuid7()).get(RULES).status_code == 403


def urls(patterns: list[URLPattern | URLResolver], at: str = "/admin/") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        path = at + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from urls(pattern.url_patterns, path)
        else:
            yield path, str(pattern.name)


def test_no_view_is_open_but_the_way_in(tenant: Tenant) -> None:
    """Also those still to come."""
    for path, name in urls(site.get_urls()):
        if "(?P" in path or name == "login":
            continue
        concrete = path.replace("<path:object_id>", str(uuid7())).replace("<path:content_type_id>", "1")
        assert Person().get(concrete).status_code == 302, path
        assert Person.logged_in(tenant.reviewer).get(concrete).status_code == 403, path
    assert {"autocomplete", "view_on_site"} & {name for _, name in urls(site.get_urls())} == set()


def test_a_foreign_rule_is_neither_changed_nor_deleted(
    tenant: Tenant, neighbour: Tenant, owner: psycopg.Connection
) -> None:
    foreign = a_rule(neighbour, "theirs")
    person = Person.logged_in(tenant.admin)
    for answer in (
        person.post(f"{RULES}{foreign.id}/change/", rule_form(), f"{RULES}add/"),
        person.post(f"{RULES}{foreign.id}/delete/", {"post": "yes"}, f"{RULES}add/"),
    ):
        assert answer.status_code == 404
    chosen = {"action": "delete_selected", "_selected_action": str(foreign.id), "post": "yes"}
    person.post(RULES, chosen)
    query = "SELECT name FROM review_rule WHERE organization_id = %s"
    assert owner.execute(query, [neighbour.id]).fetchall() == [("theirs",)]


def test_the_log_of_actions_tells_no_titles_and_the_history_is_ones_own(tenant: Tenant, neighbour: Tenant) -> None:
    person = Person.logged_in(tenant.admin)
    person.post(f"{RULES}add/", rule_form(name="a secret title"), f"{RULES}add/")
    with in_organization(tenant.id):
        rule = ReviewRule.objects.get()
    person.post(f"{RULES}{rule.id}/change/", rule_form(name="another title"), f"{RULES}add/")
    entries = LogEntry.objects.filter(user=tenant.admin)
    assert [entry.object_id for entry in entries] == [f"{tenant.id}/{rule.id}"] * 2
    assert {entry.object_repr for entry in entries} == {""}
    assert "title" not in "".join(entry.change_message for entry in entries)
    history = text(person.get(f"{RULES}{rule.id}/history/"))
    assert history.count(tenant.admin.username) == 3  # in the head of the page, and twice in the list
    assert "Changed Name." in history
    # The same id in another organization has a history of its own.
    create_rule(neighbour.id, {"name": "theirs", "tags": [{"tag": "look", "tag_type": "rule"}]}, rule.id)
    theirs = text(Person.logged_in(neighbour.admin).get(f"{RULES}{rule.id}/history/"))
    assert tenant.admin.username not in theirs
    assert "Recent actions" not in text(person.get("/admin/"))


@pytest.mark.parametrize("path", [f"{RULES}add/", RULES, REJECTED, "/admin/logout/", f"{RULES}dry-run/"])
def test_a_form_needs_its_token(tenant: Tenant, path: str) -> None:
    person = Person.logged_in(tenant.admin)
    assert person.client.post(path, rule_form()).status_code == 403
    with in_organization(tenant.id):
        assert not ReviewRule.objects.exists()


def test_logging_out_ends_the_session(tenant: Tenant) -> None:
    person = Person.logged_in(tenant.admin)
    assert person.post("/admin/logout/", {})["Location"] == "/log-in"
    assert person.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/nothing", "/admin/tags/user/", "/admin/auth/", "/admin/r/1/2/", "/admin/autocomplete/"]
)
def test_other_paths_lead_nowhere(tenant: Tenant, path: str) -> None:
    answer = Person.logged_in(tenant.admin).get(path)
    assert answer.status_code == (302 if path == "/admin" else 404)

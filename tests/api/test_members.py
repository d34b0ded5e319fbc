"""/api/members: the people of an organization."""

from typing import Any

import pytest

from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID, bad_request, conflict, invalid, not_found, places, unknown_credential
from tests.cast import Tenant

PATH = "/api/members"


def members(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """By role and name: the cast has one of each role."""
    entries = tenant.api("admin").get(PATH).json()["members"]
    return {entry["username"]: entry for entry in entries}


def member(tenant: Tenant, who: str) -> dict[str, Any]:
    return members(tenant)[getattr(tenant, who).username]


def test_the_list_has_everybody_with_their_role(tenant: Tenant) -> None:
    assert {entry["role"] for entry in members(tenant).values()} == {"admin", "reviewer", "viewer"}
    assert member(tenant, "viewer")["user_id"] == str(tenant.viewer.id)


def test_a_new_person_is_added_by_user_name(tenant: Tenant) -> None:
    name = f"ada.{uuid7()}"
    response = tenant.api("admin").post(PATH, {"username": name, "role": "reviewer"})
    assert response.status_code == 201
    assert members(tenant)[name] == response.json()


def test_a_new_person_cannot_log_in_before_a_password_is_set(tenant: Tenant) -> None:
    name = f"ada.{uuid7()}"
    tenant.api("admin").post(PATH, {"username": name, "role": "reviewer"})
    for password in ("", " ", "password", name):
        assert tenant.api().post("/api/auth/token", {"username": name, "password": password}).status_code in (401, 422)


def test_a_known_person_of_another_organization_keeps_their_account(tenant: Tenant, neighbour: Tenant) -> None:
    response = tenant.api("admin").post(PATH, {"username": neighbour.viewer.username, "role": "viewer"})
    assert response.json()["user_id"] == str(neighbour.viewer.id)
    assert neighbour.api("viewer").get("/api/profile/me").json()["organization"]["id"] == str(neighbour.id)


def test_who_is_a_member_already_is_a_conflict(tenant: Tenant) -> None:
    conflict(tenant.api("admin").post(PATH, {"username": tenant.viewer.username, "role": "admin"}))
    assert member(tenant, "viewer")["role"] == "viewer"


def test_another_role_holds_from_the_next_request_on(tenant: Tenant) -> None:
    viewer = tenant.api("viewer")
    assert viewer.get(PATH).status_code == 403
    path = f"{PATH}/{member(tenant, 'viewer')['id']}"
    assert tenant.api("admin").patch(path, {"role": "admin"}).json()["role"] == "admin"
    assert viewer.get(PATH).status_code == 200


def test_a_removed_member_is_out_at_once(tenant: Tenant) -> None:
    viewer = tenant.api("viewer")
    assert tenant.api("admin").delete(f"{PATH}/{member(tenant, 'viewer')['id']}").status_code == 204
    unknown_credential(viewer.get("/api/profile/me"))
    assert len(members(tenant)) == 2


def test_the_last_admin_cannot_be_removed(tenant: Tenant) -> None:
    conflict(tenant.api("admin").delete(f"{PATH}/{member(tenant, 'admin')['id']}"))
    assert member(tenant, "admin")["role"] == "admin"


@pytest.mark.parametrize("role", ["reviewer", "viewer"])
def test_the_last_admin_cannot_take_another_role(tenant: Tenant, role: str) -> None:
    conflict(tenant.api("admin").patch(f"{PATH}/{member(tenant, 'admin')['id']}", {"role": role}))
    assert member(tenant, "admin")["role"] == "admin"


def test_one_of_two_admins_may_go(tenant: Tenant) -> None:
    tenant.api("admin").patch(f"{PATH}/{member(tenant, 'viewer')['id']}", {"role": "admin"})
    assert tenant.api("viewer").delete(f"{PATH}/{member(tenant, 'admin')['id']}").status_code == 204


def test_another_organizations_admin_does_not_count(tenant: Tenant, neighbour: Tenant) -> None:
    tenant.api("admin").post(PATH, {"username": neighbour.admin.username, "role": "viewer"})
    conflict(tenant.api("admin").delete(f"{PATH}/{member(tenant, 'admin')['id']}"))


@pytest.mark.parametrize("name", ["", "x" * 151, "two words", "semi;colon", "<b>", 7, None])
def test_a_user_name_has_letters_digits_and_a_few_signs(tenant: Tenant, name: Any) -> None:
    error = invalid(tenant.api("admin").post(PATH, {"username": name, "role": "viewer"}))
    assert places(error) == [["body", "username"]]


@pytest.mark.parametrize("role", ["owner", "Admin", "", None, 1])
def test_an_unknown_role_is_refused(tenant: Tenant, role: Any) -> None:
    invalid(tenant.api("admin").post(PATH, {"username": f"ada.{uuid7()}", "role": role}))
    invalid(tenant.api("admin").patch(f"{PATH}/{member(tenant, 'viewer')['id']}", {"role": role}))


@pytest.mark.parametrize("field", ["username", "role"])
def test_a_missing_field_is_not_understood(tenant: Tenant, field: str) -> None:
    body = {"username": f"ada.{uuid7()}", "role": "viewer"}
    del body[field]
    assert places(bad_request(tenant.api("admin").post(PATH, body))) == [["body", field]]


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_foreign_member_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant, method: str) -> None:
    foreign = member(neighbour, "viewer")
    arguments = ({"role": "admin"},) if method == "patch" else ()
    answers = [
        not_found(getattr(tenant.api("admin"), method)(f"{PATH}/{id}", *arguments))
        for id in (foreign["id"], UNKNOWN_ID)
    ]
    assert answers[0] == answers[1]
    assert member(neighbour, "viewer") == foreign

"""/api/service-accounts: the programs of an organization."""

from typing import Any

import pytest

from tests.api.calls import UNKNOWN_ID, conflict, invalid, not_found, places, unknown_credential
from tests.cast import Api, Tenant

PATH = "/api/service-accounts"


def created(tenant: Tenant, **body: Any) -> dict[str, Any]:
    response = tenant.api("admin").post(PATH, {"name": "worker 2", **body})
    assert response.status_code == 201, response.content
    account: dict[str, Any] = response.json()
    return account


def key_of(tenant: Tenant, account: dict[str, Any]) -> dict[str, Any]:
    key: dict[str, Any] = tenant.api("admin").post(f"{PATH}/{account['id']}/api-keys", {"name": "first"}).json()
    return key


def test_an_account_has_what_it_was_given(tenant: Tenant) -> None:
    account = created(tenant, scopes=["read", "tag"], kind="robot")
    assert account.pop("id")
    assert account.pop("created_at")
    assert account == {
        "organization_id": str(tenant.id),
        "name": "worker 2",
        "kind": "robot",
        "scopes": ["read", "tag"],
        "revoked_at": None,
    }


def test_an_account_may_read_and_is_an_integration_unless_told(tenant: Tenant) -> None:
    account = created(tenant)
    assert (account["scopes"], account["kind"]) == (["read"], "integration")


def test_the_list_has_all_accounts_in_the_order_they_were_made(tenant: Tenant) -> None:
    account = created(tenant)
    accounts = tenant.api("admin").get(PATH).json()["service_accounts"]
    assert [entry["name"] for entry in accounts] == ["worker", "worker 2"]
    assert accounts[1] == account


def test_an_account_is_read_alone(tenant: Tenant) -> None:
    account = created(tenant)
    assert tenant.api("admin").get(f"{PATH}/{account['id']}").json() == account


def test_an_account_is_renamed_and_keeps_its_scopes(tenant: Tenant) -> None:
    account = created(tenant, scopes=["read", "tag"])
    changed = tenant.api("admin").patch(f"{PATH}/{account['id']}", {"name": "worker 3"}).json()
    assert changed == {**account, "name": "worker 3"}


def test_other_scopes_hold_from_the_next_request_on(tenant: Tenant) -> None:
    account = created(tenant, scopes=["read"])
    program = Api({"X-API-Key": key_of(tenant, account)["token"]})
    assert program.get("/api/task-executions").status_code == 200
    tenant.api("admin").patch(f"{PATH}/{account['id']}", {"scopes": ["tag"]})
    assert program.get("/api/task-executions").status_code == 403


def test_a_change_of_nothing_is_no_error(tenant: Tenant) -> None:
    account = created(tenant)
    assert tenant.api("admin").patch(f"{PATH}/{account['id']}", {}).json() == account


def test_the_kind_of_an_account_cannot_be_changed(tenant: Tenant) -> None:
    account = created(tenant)
    assert tenant.api("admin").patch(f"{PATH}/{account['id']}", {"kind": "robot"}).json() == account


def test_revoking_an_account_ends_all_its_keys(tenant: Tenant) -> None:
    account = created(tenant)
    programs = [Api({"X-API-Key": key_of(tenant, account)["token"]}) for _ in range(2)]
    assert tenant.api("admin").delete(f"{PATH}/{account['id']}").status_code == 204
    for program in programs:
        unknown_credential(program.get("/api/profile/me"))


def test_a_revoked_account_is_still_listed_and_stays_revoked(tenant: Tenant) -> None:
    account = created(tenant)
    path = f"{PATH}/{account['id']}"
    tenant.api("admin").delete(path)
    first = tenant.api("admin").get(path).json()
    assert first["revoked_at"] is not None
    assert tenant.api("admin").delete(path).status_code == 204
    assert tenant.api("admin").get(path).json() == first


def test_a_revoked_account_gets_no_new_key(tenant: Tenant) -> None:
    account = created(tenant)
    tenant.api("admin").delete(f"{PATH}/{account['id']}")
    conflict(tenant.api("admin").post(f"{PATH}/{account['id']}/api-keys", {"name": "late"}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("name", 7),
        ("kind", ""),
        ("kind", "x" * 51),
        ("scopes", []),
        ("scopes", "read"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_place(tenant: Tenant, field: str, value: Any) -> None:
    error = invalid(tenant.api("admin").post(PATH, {"name": "worker 2", field: value}))
    assert places(error) == [["body", field]]


def test_an_unknown_scope_is_refused_with_its_place(tenant: Tenant) -> None:
    error = invalid(tenant.api("admin").post(PATH, {"name": "worker 2", "scopes": ["read", "root"]}))
    assert places(error) == [["body", "scopes", 1]]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_foreign_account_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant, method: str) -> None:
    foreign = created(neighbour)
    answers = []
    for id in (foreign["id"], UNKNOWN_ID):
        arguments = ({"name": "mine"},) if method == "patch" else ()
        answers.append(not_found(getattr(tenant.api("admin"), method)(f"{PATH}/{id}", *arguments)))
    assert answers[0] == answers[1]
    assert neighbour.api("admin").get(f"{PATH}/{foreign['id']}").json() == foreign


def test_another_organizations_accounts_do_not_show(tenant: Tenant, neighbour: Tenant) -> None:
    created(neighbour)
    assert len(tenant.api("admin").get(PATH).json()["service_accounts"]) == 1

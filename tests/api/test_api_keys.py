"""/api/service-accounts/{id}/api-keys, and what a key opens."""

import hashlib
from typing import Any

import pytest
from psycopg import Connection

from tests.api.calls import UNKNOWN_ID, invalid, not_found, places, unknown_credential
from tests.cast import Api, Tenant


@pytest.fixture
def path(tenant: Tenant) -> str:
    (account,) = tenant.api("admin").get("/api/service-accounts").json()["service_accounts"]
    return f"/api/service-accounts/{account['id']}/api-keys"


def created(tenant: Tenant, path: str, **body: Any) -> dict[str, Any]:
    response = tenant.api("admin").post(path, {"name": "second", **body})
    assert response.status_code == 201, response.content
    key: dict[str, Any] = response.json()
    return key


def test_the_token_is_shown_once_and_the_prefix_always(tenant: Tenant, path: str) -> None:
    key = created(tenant, path)
    token = key.pop("token")
    assert token.startswith(key["prefix"])
    assert len(token) > len(key["prefix"]) + 30
    assert tenant.api("admin").get(path).json()["api_keys"][0] == key
    assert token.encode() not in tenant.api("admin").get(path).content


def test_only_the_hash_of_the_token_is_stored(tenant: Tenant, path: str, owner: Connection) -> None:
    token = created(tenant, path)["token"]
    rows = owner.execute("SELECT digest, api_key::text FROM api_key WHERE organization_id = %s", [tenant.id]).fetchall()
    assert hashlib.sha256(token.encode()).digest() in [digest for digest, _ in rows]
    assert not any(token in text for _, text in rows)


def test_a_key_opens_the_api_in_either_header(tenant: Tenant, path: str) -> None:
    token = created(tenant, path)["token"]
    for headers in ({"X-API-Key": token}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"bearer  {token}"}):
        assert Api(headers).get("/api/profile/me").json()["kind"] == "service_account"


def test_two_keys_differ_and_work_side_by_side(tenant: Tenant, path: str) -> None:
    tokens = {created(tenant, path)["token"] for _ in range(2)} | {tenant.token}
    assert len(tokens) == 3
    assert {Api({"X-API-Key": token}).get("/api/profile/me").status_code for token in tokens} == {200}


def test_a_revoked_key_opens_nothing_and_leaves_the_others(tenant: Tenant, path: str) -> None:
    key = created(tenant, path)
    assert tenant.api("admin").delete(f"{path}/{key['id']}").status_code == 204
    unknown_credential(Api({"X-API-Key": key["token"]}).get("/api/profile/me"))
    assert tenant.api().get("/api/profile/me").status_code == 200


def test_a_revoked_key_stays_listed_and_revoked(tenant: Tenant, path: str) -> None:
    key = created(tenant, path)
    tenant.api("admin").delete(f"{path}/{key['id']}")
    first = tenant.api("admin").get(path).json()["api_keys"]
    assert first[0]["revoked_at"] is not None
    assert tenant.api("admin").delete(f"{path}/{key['id']}").status_code == 204
    assert tenant.api("admin").get(path).json()["api_keys"] == first


def test_an_expired_key_opens_nothing(tenant: Tenant, path: str) -> None:
    key = created(tenant, path, expires_at="2020-01-01T00:00:00Z")
    assert key["expires_at"] == "2020-01-01T00:00:00+00:00"
    unknown_credential(Api({"X-API-Key": key["token"]}).get("/api/profile/me"))


def test_a_key_opens_until_it_expires(tenant: Tenant, path: str, owner: Connection) -> None:
    program = Api({"X-API-Key": created(tenant, path, expires_at="2100-01-01T00:00:00Z")["token"]})
    assert program.get("/api/profile/me").status_code == 200
    owner.execute("UPDATE api_key SET expires_at = now() WHERE organization_id = %s", [tenant.id])
    unknown_credential(program.get("/api/profile/me"))


def test_use_of_a_key_is_noted(tenant: Tenant, path: str) -> None:
    key = created(tenant, path)
    assert key["last_used_at"] is None
    Api({"X-API-Key": key["token"]}).get("/api/profile/me")
    assert tenant.api("admin").get(path).json()["api_keys"][0]["last_used_at"] is not None


def test_a_key_is_renamed(tenant: Tenant, path: str) -> None:
    key = created(tenant, path)
    del key["token"]
    assert tenant.api("admin").patch(f"{path}/{key['id']}", {"name": "third"}).json() == {**key, "name": "third"}


@pytest.mark.parametrize(
    "token", ["", " ", "x", "tagsite_", "tagsite_" + "A" * 43, "Bearer", "é", "\x7f", "x" * 10_000, "null"]
)
def test_a_token_that_is_no_key_opens_nothing(tenant: Tenant, token: str) -> None:
    unknown_credential(Api({"X-API-Key": token}).get("/api/profile/me"))


def test_a_key_with_one_letter_changed_opens_nothing(tenant: Tenant) -> None:
    token = tenant.token[:-1] + ("a" if tenant.token[-1] != "a" else "b")
    unknown_credential(Api({"X-API-Key": token}).get("/api/profile/me"))


def test_a_key_works_in_its_own_organization_alone(tenant: Tenant, neighbour: Tenant) -> None:
    execution = tenant.execution()
    assert tenant.api().get(f"/api/flow-executions/{execution.id}").status_code == 200
    not_found(neighbour.api().get(f"/api/flow-executions/{execution.id}"))


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "x" * 201), ("name", 7), ("expires_at", "soon"), ("expires_at", 0)]
)
def test_a_value_out_of_bounds_is_refused_with_its_place(tenant: Tenant, path: str, field: str, value: Any) -> None:
    error = invalid(tenant.api("admin").post(path, {"name": "second", field: value}))
    assert places(error) == [["body", field]]


def test_the_keys_of_an_unknown_account_are_not_found(tenant: Tenant) -> None:
    path = f"/api/service-accounts/{UNKNOWN_ID}/api-keys"
    not_found(tenant.api("admin").get(path))
    not_found(tenant.api("admin").post(path, {"name": "second"}))


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_foreign_key_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant, path: str, method: str) -> None:
    (account,) = neighbour.api("admin").get("/api/service-accounts").json()["service_accounts"]
    foreign = f"/api/service-accounts/{account['id']}/api-keys"
    key = created(neighbour, foreign)
    arguments = ({"name": "mine"},) if method == "patch" else ()
    answers = [
        not_found(getattr(tenant.api("admin"), method)(target, *arguments))
        for target in (f"{foreign}/{key['id']}", f"{path}/{key['id']}", f"{path}/{UNKNOWN_ID}")
    ]
    assert answers[1] == answers[2]
    assert answers[0]["code"] == answers[1]["code"]
    assert Api({"X-API-Key": key["token"]}).get("/api/profile/me").status_code == 200

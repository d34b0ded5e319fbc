"""/api/ws-tickets: who gets a ticket, what it looks like, what is kept of it. tests/live/test_tickets.py uses them."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection, errors

from tags.actions.service_accounts import create_api_key, create_service_account
from tests.api.calls import bad_request, forbidden, position, unknown_credential
from tests.cast import PASSWORD, Api, Tenant
from tests.clients import Client
from tests.tenancy.things import rows_of

PATH = "/api/ws-tickets"
WHO = ["program", "admin", "reviewer", "viewer"]


def created(api: Api) -> dict[str, Any]:
    response = api.post(PATH, {})
    assert response.status_code == 201, response.content
    ticket: dict[str, Any] = response.json()
    return ticket


def tickets(owner: Connection, tenant: Tenant, what: str = "digest") -> list[Any]:
    rows = owner.execute(f"SELECT {what} FROM ws_ticket WHERE organization_id = %s ORDER BY id", [tenant.id])
    return [value for (value,) in rows]


@pytest.mark.parametrize("who", WHO)
def test_whoever_may_read_gets_a_ticket_for_thirty_seconds(tenant: Tenant, who: str) -> None:
    before = datetime.now(UTC)
    found = created(tenant.api(who))
    assert found.keys() == {"ticket", "expires_at"}
    assert re.fullmatch(rf"tgt_{tenant.id.hex}_[A-Za-z0-9_-]{{43}}", found["ticket"])
    expires_at = datetime.fromisoformat(found["expires_at"])
    assert timedelta(seconds=30) <= expires_at - before < timedelta(seconds=35)


def test_two_tickets_differ(tenant: Tenant) -> None:
    assert len({created(tenant.api())["ticket"] for _ in range(5)}) == 5


def test_a_ticket_needs_a_credential_and_the_permission_to_read(tenant: Tenant, owner: Connection) -> None:
    unknown_credential(Api().post(PATH, {}))
    account = create_service_account(tenant.id, "writer", ["ingest", "tag"], "integration")
    _, token = create_api_key(tenant.id, account.id, "first")
    forbidden(Api({"X-API-Key": token}).post(PATH, {}))
    assert tickets(owner, tenant) == []


def test_a_session_gets_no_ticket_that_would_outlive_it(tenant: Tenant) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username=tenant.reviewer.username, password=PASSWORD)
    forbidden(browser.post(PATH, {}, content_type="application/json"))
    browser.cookies["csrftoken"] = "a" * 32
    response = browser.post(PATH, {}, content_type="application/json", headers={"X-CSRFToken": "a" * 32})
    assert "A session listens by itself" in forbidden(response)["message"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_the_body_may_be_empty(tenant: Tenant, content_type: str) -> None:
    api = tenant.api()
    response = api.client.generic("POST", PATH, b"", content_type, headers=api.headers)
    assert response.status_code == 201


@pytest.mark.parametrize(
    "body", [{}, {"expires_at": "2100-01-01T00:00:00Z", "user_id": 7, "lifetime": 10**6}, {"ticket": None}], ids=str
)
def test_fields_are_ignored(tenant: Tenant, neighbour: Tenant, owner: Connection, body: dict[str, Any]) -> None:
    found = tenant.api().post(PATH, {**body, "organization_id": str(neighbour.id)}).json()
    assert found["ticket"].startswith(f"tgt_{tenant.id.hex}_")
    assert datetime.fromisoformat(found["expires_at"]) < datetime.now(UTC) + timedelta(seconds=31)
    assert tickets(owner, neighbour) == []


@pytest.mark.parametrize("body", ["[]", "null", "7", '"x"', "true", "{", "[{}]", '{"a": 1, "a": 1}', "NaN"])
def test_what_is_no_object_is_not_understood(tenant: Tenant, owner: Connection, body: str) -> None:
    bad_request(tenant.api().post(PATH, body))
    assert tickets(owner, tenant) == []


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_there_is_nothing_to_read_or_change(tenant: Tenant, method: str) -> None:
    assert getattr(tenant.api(), method)(PATH).status_code == 405


def test_the_hash_of_the_ticket_is_stored_and_its_text_nowhere(tenant: Tenant, owner: Connection) -> None:
    text = created(tenant.api())["ticket"]
    assert tickets(owner, tenant) == [hashlib.sha256(text.encode()).digest()]
    everything = str(rows_of(owner, tenant.id))
    assert str(tenant.id) in everything
    for secret in (text[-43:], text[-43:].encode().hex()):
        assert secret not in everything


@pytest.mark.parametrize("who", WHO)
def test_the_ticket_stands_for_the_caller_and_for_nobody_else(tenant: Tenant, owner: Connection, who: str) -> None:
    created(tenant.api(who))
    (row,) = tickets(owner, tenant, "to_jsonb(ws_ticket)::text")
    kept = json.loads(row)
    (key,) = owner.execute("SELECT id FROM api_key WHERE organization_id = %s", [tenant.id]).fetchone()
    expected = (None, str(key)) if who == "program" else (str(getattr(tenant, who).id), None)
    assert (kept["user_id"], kept["api_key_id"]) == expected
    assert kept["used_at"] is None


def test_a_ticket_is_no_credential_of_the_api(tenant: Tenant) -> None:
    text = created(tenant.api())["ticket"]
    for headers in ({"X-API-Key": text}, {"Authorization": f"Bearer {text}"}):
        unknown_credential(Api(headers).get("/api/profile/me"))
    unknown_credential(Api().get("/api/profile/me", ticket=text))


def test_new_tickets_clear_the_expired_ones_a_few_at_a_time(
    tenant: Tenant, neighbour: Tenant, owner: Connection
) -> None:
    for one in (tenant, neighbour):
        for _ in range(12):
            created(one.api())
    owner.execute(
        "UPDATE ws_ticket SET expires_at = now() - interval '1 s' WHERE organization_id IN (%s, %s)",
        [tenant.id, neighbour.id],
    )
    left = []
    for _ in range(4):
        created(tenant.api())
        left.append(len(tickets(owner, tenant)))
    assert left == [12 - 5 + 1, 12 - 10 + 2, 3, 4]
    assert len(tickets(owner, neighbour)) == 12


def test_a_ticket_is_no_event(tenant: Tenant) -> None:
    before = position(tenant)
    created(tenant.api())
    assert position(tenant) == before


@pytest.mark.parametrize("holders", ["both", "none"])
def test_the_table_takes_exactly_one_holder(tenant: Tenant, owner: Connection, holders: str) -> None:
    created(tenant.api("viewer" if holders == "both" else "program"))
    (key,) = owner.execute("SELECT id FROM api_key WHERE organization_id = %s", [tenant.id]).fetchone()
    with pytest.raises(errors.CheckViolation, match="ws_ticket_of_one"):
        owner.execute(
            "UPDATE ws_ticket SET api_key_id = %s WHERE organization_id = %s",
            [key if holders == "both" else None, tenant.id],
        )


def test_the_table_takes_no_key_of_another_organization(tenant: Tenant, neighbour: Tenant, owner: Connection) -> None:
    created(tenant.api())
    (key,) = owner.execute("SELECT id FROM api_key WHERE organization_id = %s", [neighbour.id]).fetchone()
    with pytest.raises(errors.ForeignKeyViolation, match="ws_ticket_api_key"):
        owner.execute("UPDATE ws_ticket SET api_key_id = %s WHERE organization_id = %s", [key, tenant.id])

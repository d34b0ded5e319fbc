"""The contract's error body, and the request id, on whatever goes wrong."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from psycopg import Connection

from tags.api.events import EventsView
from tags.api.tokens import ProfileView
from tests.api.calls import bad_request, not_found, refused, unknown_credential
from tests.cast import Api, Tenant
from tests.clients import Client

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
ANONYMOUS = Api()


# The request id


def test_a_response_without_a_sent_id_has_a_new_ulid(tenant: Tenant) -> None:
    ids = {tenant.api().get("/api/profile/me")["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5
    assert all(ULID.fullmatch(id) for id in ids)


def test_an_error_has_the_headers_id_in_its_body() -> None:
    response = ANONYMOUS.get("/api/profile/me")
    assert response.json()["request_id"] == response["X-Request-ID"]


@pytest.mark.parametrize("sent", ["a", "01K8KABR6S16YETA2SZPVBS9SP", "trace:7f.3-b_1", "x" * 64])
def test_a_plain_id_of_the_clients_is_taken(sent: str) -> None:
    response = Api({"X-Request-ID": sent}).get("/api/profile/me")
    assert response["X-Request-ID"] == response.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["", " ", "x" * 65, "two words", "é", "a/b", "<script>", "a\tb", "a;b", '"', "{}"])
def test_an_id_that_is_not_plain_is_replaced(sent: str) -> None:
    response = Api({"X-Request-ID": sent}).get("/api/profile/me")
    assert ULID.fullmatch(response["X-Request-ID"])


def test_the_sent_id_is_kept_in_the_events(tenant: Tenant) -> None:
    tenant.api().client.post(
        "/api/flow-executions",
        {"flow_name": "invoices"},
        content_type="application/json",
        headers={"X-API-Key": tenant.token, "X-Request-ID": "mine-7"},
    )
    assert tenant.api().get("/api/events").json()["events"][0]["requestid"] == "mine-7"


# Statuses that HTTP itself knows


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/task-tags/7",
        "/api//task-tags",
        "/api/../admin",
        "/api/schema/x",
        "/api/é",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_an_unknown_path_under_api_is_not_found(path: str, method: str) -> None:
    not_found(getattr(ANONYMOUS.client, method)(path))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
def test_an_unknown_path_is_not_found_by_any_method_and_without_a_csrf_token(tenant: Tenant, method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    not_found(client.generic(method, "/api/members/strange", headers={"X-API-Key": tenant.token}))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", "/api/task-tags", {"GET", "PATCH"}),
        ("post", "/api/events", {"GET"}),
        ("delete", "/api/flow-executions", {"GET", "POST"}),
        ("patch", "/api/profile/me", {"GET"}),
        ("trace", "/api/profile/me", {"GET"}),
        ("get", "/api/auth/token", {"POST"}),
    ],
)
def test_another_method_is_not_allowed_and_the_allowed_ones_are_named(
    tenant: Tenant, method: str, path: str, allowed: set[str]
) -> None:
    response = getattr(tenant.api().client, method)(path, headers={"X-API-Key": tenant.token})
    refused(response, 405, "method_not_allowed")
    assert allowed <= set(response["Allow"].split(", "))


def test_the_allowed_methods_are_told_to_who_asks(tenant: Tenant) -> None:
    response = tenant.api().client.options("/api/task-tags", headers={"X-API-Key": tenant.token})
    assert {"GET", "PATCH"} <= set(response["Allow"].split(", "))


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_who_does_not_accept_json_is_told_so_in_json(tenant: Tenant, accept: str) -> None:
    response = tenant.api().client.get("/api/profile/me", headers={"X-API-Key": tenant.token, "Accept": accept})
    refused(response, 406, "not_acceptable")
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/*", "text/html, */*;q=0.1", "application/json; charset=utf-8"]
)
def test_who_accepts_json_gets_it(tenant: Tenant, accept: str) -> None:
    response = tenant.api().client.get("/api/profile/me", headers={"X-API-Key": tenant.token, "Accept": accept})
    assert response.status_code == 200


def test_a_host_that_is_not_ours_is_a_bad_request() -> None:
    bad_request(ANONYMOUS.client.get("/api/profile/me", headers={"Host": "evil.example"}))


def test_too_many_parameters_are_a_bad_request(tenant: Tenant) -> None:
    bad_request(tenant.api().get("/api/events?" + "&".join(f"a{number}=1" for number in range(1500))))


def test_a_missing_credential_says_how_to_give_one() -> None:
    response = ANONYMOUS.get("/api/profile/me")
    unknown_credential(response)
    assert response["WWW-Authenticate"].startswith("Bearer")


# Faults of ours


def fail(*_: Any, **__: Any) -> HttpResponse:
    raise RuntimeError("secret-of-the-house")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> HttpResponse:
    monkeypatch.setattr(ProfileView, "get", fail)
    return tenant.api().get("/api/profile/me")


def test_a_fault_of_ours_is_an_internal_error_without_its_cause(broken: HttpResponse) -> None:
    error = refused(broken, 500, "internal_error")
    assert error["details"] is None
    everything = broken.content + str(broken.headers).encode()
    assert not re.search(rb"secret-of-the-house|RuntimeError|Traceback|\.py|tags[./]", everything)


def test_the_request_id_finds_the_cause_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ProfileView, "get", fail)
    with caplog.at_level(logging.ERROR):
        response = tenant.api().get("/api/profile/me")
    from tags.request_context import ContextFilter

    assert response["X-Request-ID"]
    (record,) = [record for record in caplog.records if record.exc_info]
    ContextFilter().filter(record)
    assert "secret-of-the-house" in str(record.exc_info[1] if record.exc_info else "")
    assert record.__dict__["request_id"] == response["X-Request-ID"]


def test_a_fault_while_a_list_is_read_is_an_error_response_too(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> None:
    def rows(*_: Any) -> Iterator[tuple[int, str]]:
        yield 1, "{}"
        raise RuntimeError("secret-of-the-house")

    monkeypatch.setattr("tags.api.events.events_after", rows)
    refused(tenant.api().get("/api/events"), 500, "internal_error")


# The database is away


@pytest.fixture
def _database_away(owner: Connection, tenant: Tenant) -> Iterator[None]:
    """Nobody can connect any more, and who was connected is cut off."""
    role = connection.settings_dict["USER"]
    connection.close()
    patience = connection.pool.timeout
    connection.pool.timeout = 0.3
    owner.execute(f'ALTER ROLE "{role}" NOLOGIN')
    owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
    yield
    owner.execute(f'ALTER ROLE "{role}" LOGIN')
    connection.close()
    connection.pool.timeout = patience
    connection.close_pool()


@pytest.mark.usefixtures("_database_away")
@pytest.mark.parametrize("path", ["/api/profile/me", "/api/task-executions", "/api/events"])
def test_without_its_database_the_api_is_unavailable_and_says_when_to_come_again(tenant: Tenant, path: str) -> None:
    response = Api({"X-API-Key": tenant.token}).get(path)
    refused(response, 503, "repository_error")
    assert int(response["Retry-After"]) >= 1
    assert not re.search(rb"psycopg|role|login|connection", response.content)


@pytest.mark.usefixtures("_database_away")
def test_a_write_without_the_database_is_unavailable(tenant: Tenant) -> None:
    response = Api({"X-API-Key": tenant.token}).post("/api/flow-executions", {"flow_name": "invoices"})
    refused(response, 503, "repository_error")


@pytest.mark.usefixtures("_database_away")
def test_a_log_in_without_the_database_is_unavailable(tenant: Tenant) -> None:
    refused(ANONYMOUS.post("/api/auth/token", {"username": "ada", "password": "secret"}), 503, "repository_error")


@pytest.mark.usefixtures("_database_away")
def test_a_session_without_the_database_is_unavailable() -> None:
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    refused(client.get("/api/profile/me"), 503, "repository_error")


def test_a_connection_that_is_lost_on_the_way_is_unavailable_too(
    monkeypatch: pytest.MonkeyPatch, tenant: Tenant
) -> None:
    def lose(*_: Any, **__: Any) -> HttpResponse:
        raise OperationalError("server closed the connection unexpectedly: host=10.0.0.7 password=hunter2")

    monkeypatch.setattr(EventsView, "get", lose)
    response = tenant.api().get("/api/events")
    refused(response, 503, "repository_error")
    assert b"hunter2" not in response.content


def test_after_the_database_is_back_so_is_the_api(tenant: Tenant) -> None:
    assert tenant.api().get("/api/profile/me").status_code == 200


def test_error_bodies_are_json_whatever_they_quote(tenant: Tenant) -> None:
    response = tenant.api().get("/api/flow-executions", flow_id='"<\u2028\U0001f680')
    assert json.loads(response.content)["error"]["code"] == "bad_request"

"""What the desk's pages send: decisions as JSON, with session and CSRF token."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse

from tags.models import FlowExecution
from tests.api.calls import UNKNOWN_ID, bad_request, conflict, forbidden, not_found, position
from tests.cast import PASSWORD, Tenant, operation
from tests.clients import Client

TOKEN = "a" * 32


def browser(tenant: Tenant, who: str = "reviewer") -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    assert client.login(username=getattr(tenant, who).username, password=PASSWORD)
    client.cookies["csrftoken"] = TOKEN
    return client


def send(client: Client, path: str, body: Any, token: str = TOKEN) -> HttpResponse:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(path, data, content_type="application/json", headers={"X-CSRFToken": token})


def wish(execution: FlowExecution | str, kind: str = "approve", **more: Any) -> dict[str, Any]:
    id = execution if isinstance(execution, str) else str(execution.id)
    return {"kind": kind, "tasks": [{"flow_execution_id": id, "task_name": "extract"}], **more}


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    made = tenant.execution("extract")
    tenant.api().tag(operation("add", made, "extract", "pending_approval"))
    return made


def tags(tenant: Tenant, execution: FlowExecution) -> list[str]:
    return [tag["tag"] for tag in tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()]


def test_decided_and_taken_back(tenant: Tenant, execution: FlowExecution) -> None:
    client = browser(tenant)
    answer = send(client, "/decisions", wish(execution, note="fine")).json()
    assert (answer["changed"], tags(tenant, execution)) == (1, ["approved"])
    assert send(client, f"/decisions/{answer['group_id']}/undo", {}).json()["changed"] == 1
    assert tags(tenant, execution) == ["pending_approval"]
    conflict(send(client, f"/decisions/{answer['group_id']}/undo", {}))


def test_tags_are_changed_with_exact_metadata(tenant: Tenant, execution: FlowExecution) -> None:
    change = {"operation": "add", "tag": "seen", "tag_type": "label", **wish(execution)["tasks"][0]}
    body = json.dumps({"operations": [{**change, "tag_metadata": "NUMBER"}]})
    answer = send(browser(tenant), "/decisions/tags", body.replace('"NUMBER"', "0.10000000000000000555"))
    assert answer.status_code == 200
    listed = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).content.decode()
    assert "0.10000000000000000555" in listed


@pytest.mark.parametrize("path", ["/decisions", "/decisions/tags", f"/decisions/{UNKNOWN_ID}/undo"])
def test_it_takes_a_session_a_csrf_token_and_the_right_to_tag(
    tenant: Tenant, execution: FlowExecution, path: str
) -> None:
    before = position(tenant)
    assert send(Client(), path, wish(execution)).status_code == 401
    forbidden(send(browser(tenant), path, wish(execution), token=""))
    forbidden(send(browser(tenant, "viewer"), path, wish(execution)))
    assert browser(tenant).get(path).status_code == 405
    assert position(tenant) == before


@pytest.mark.parametrize(
    "body",
    [
        b"", "{", "[]", "3", "null", {}, {"kind": "approve"}, {"kind": "dance", "tasks": []},
        wish("x"), wish(UNKNOWN_ID, kind="undo"), wish(UNKNOWN_ID, note=3), wish(UNKNOWN_ID, note="x" * 10_001),
        wish(UNKNOWN_ID, note="a\x00b"), wish(UNKNOWN_ID, group_id="x"), "[" * 100_000,
        {"kind": "approve", "tasks": [{"flow_execution_id": UNKNOWN_ID, "task_name": "a\x00"}]},
        {"kind": "approve", "tasks": [{"flow_execution_id": UNKNOWN_ID, "task_name": "\ud800"}]},
        {"kind": "approve", "tasks": wish(UNKNOWN_ID)["tasks"] * 101}, b"x" * (2**20 + 1), b"\xff",
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused_and_changes_nothing(tenant: Tenant, body: Any) -> None:
    before = position(tenant)
    bad_request(send(browser(tenant), "/decisions", body))
    assert position(tenant) == before


def test_foreign_and_unknown_things_do_not_exist(tenant: Tenant, neighbour: Tenant, execution: FlowExecution) -> None:
    client, foreign = browser(tenant), neighbour.execution("extract")
    theirs = send(browser(neighbour), "/decisions", wish(foreign)).json()
    for id in (str(foreign.id), UNKNOWN_ID):
        not_found(send(client, "/decisions", wish(id)))
    for group in (theirs["group_id"], str(uuid4())):
        not_found(send(client, f"/decisions/{group}/undo", {}))
    assert tags(neighbour, foreign) == ["approved"]

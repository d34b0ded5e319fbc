"""/api/flow-executions: create, read, change the status, delete."""

from typing import Any

import pytest

from tags.models import FlowExecutionStatus
from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID, active_tags, bad_request, conflict, invalid, not_found, places, position
from tests.cast import Tenant, operation

PATH = "/api/flow-executions"


def created(tenant: Tenant, **body: Any) -> dict[str, Any]:
    response = tenant.api().post(PATH, body)
    assert response.status_code == 201, response.content
    execution: dict[str, Any] = response.json()
    return execution


def test_an_execution_has_the_fields_of_the_contract(tenant: Tenant) -> None:
    flow_id = str(tenant.execution().flow_id)

    execution = created(tenant, flow_id=flow_id, input={"folder": "2026-01"})

    assert execution.pop("id")
    assert execution.pop("created_at") == execution.pop("updated_at")
    assert execution == {
        "flow_id": flow_id,
        "organization_id": str(tenant.id),
        "flow_version": 1,
        "status": "queued",
        "input": {"folder": "2026-01"},
        "modified_by": "integration",
    }


def test_it_is_read_as_it_was_created(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices", input={"n": 1})
    assert tenant.api("viewer").get(f"{PATH}/{execution['id']}").json() == execution


def test_an_input_that_is_left_out_is_empty(tenant: Tenant) -> None:
    assert created(tenant, flow_name="invoices")["input"] == {}


def test_an_id_of_the_callers_makes_it_safe_to_repeat(tenant: Tenant) -> None:
    body = {"id": str(uuid7()), "flow_name": "invoices", "input": {"n": 1}}
    first = created(tenant, **body)
    before = position(tenant)
    assert created(tenant, **body) == first
    assert first["id"] == body["id"]
    assert position(tenant) == before


def test_without_an_id_each_request_makes_another(tenant: Tenant) -> None:
    assert created(tenant, flow_name="invoices")["id"] != created(tenant, flow_name="invoices")["id"]


def test_two_organizations_may_choose_the_same_id(tenant: Tenant, neighbour: Tenant) -> None:
    body = {"id": str(uuid7()), "flow_name": "invoices"}
    assert created(tenant, **body)["id"] == created(neighbour, **body)["id"]


def test_a_new_flow_name_makes_a_flow_and_a_known_one_finds_it(tenant: Tenant) -> None:
    first = created(tenant, flow_name="invoices")
    assert created(tenant, flow_name="invoices")["flow_id"] == first["flow_id"]
    assert created(tenant, flow_name="Invoices")["flow_id"] != first["flow_id"]


def test_a_new_flow_may_have_an_id_of_the_callers(tenant: Tenant) -> None:
    flow_id = str(uuid7())
    assert created(tenant, flow_id=flow_id, flow_name="invoices")["flow_id"] == flow_id
    assert created(tenant, flow_id=flow_id)["flow_id"] == flow_id


def test_a_flow_name_that_belongs_to_another_flow_id_is_a_conflict(tenant: Tenant) -> None:
    created(tenant, flow_name="invoices")
    conflict(tenant.api().post(PATH, {"flow_id": str(uuid7()), "flow_name": "invoices"}))


def test_an_id_that_belongs_to_another_flow_is_a_conflict(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    conflict(tenant.api().post(PATH, {"id": execution["id"], "flow_name": "payments"}))


def test_an_id_that_was_deleted_is_a_conflict(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    tenant.api().delete(f"{PATH}/{execution['id']}")
    conflict(tenant.api().post(PATH, {"id": execution["id"], "flow_name": "invoices"}))


def test_a_conflict_leaves_no_new_flow(tenant: Tenant, owner: Any) -> None:
    execution = created(tenant, flow_name="invoices")
    before = position(tenant)
    conflict(tenant.api().post(PATH, {"id": execution["id"], "flow_name": "payments"}))
    names = owner.execute("SELECT name FROM flow WHERE organization_id = %s", [tenant.id]).fetchall()
    assert names == [("invoices",)]
    assert position(tenant) == before


def test_an_unknown_flow_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().post(PATH, {"flow_id": UNKNOWN_ID}))


def test_a_foreign_flow_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution().flow_id
    answers = [not_found(tenant.api().post(PATH, {"flow_id": str(id)})) for id in (foreign, UNKNOWN_ID)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("body", [{}, {"input": {}}, {"flow_id": None, "flow_name": None}])
def test_without_a_flow_it_is_not_understood(tenant: Tenant, body: dict[str, Any]) -> None:
    bad_request(tenant.api().post(PATH, body))


@pytest.mark.parametrize("field", ["id", "flow_id"])
def test_an_id_that_is_no_uuid_is_not_understood(tenant: Tenant, field: str) -> None:
    assert places(bad_request(tenant.api().post(PATH, {"flow_name": "invoices", field: "x"}))) == [["body", field]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flow_name", ""),
        ("flow_name", "x" * 201),
        ("flow_name", 7),
        ("input", []),
        ("input", "x"),
        ("input", None),
        ("status", "finished"),
        ("flow_version", -1),
        ("flow_version", 2**31),
        ("flow_version", "1"),
        ("flow_version", True),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_place(tenant: Tenant, field: str, value: Any) -> None:
    error = invalid(tenant.api().post(PATH, {"flow_name": "invoices", field: value}))
    assert places(error) == [["body", field]]


@pytest.mark.parametrize("status", [status for status in FlowExecutionStatus.values if status != "deleted"])
def test_the_status_can_be_set_to_every_one_of_the_contract(tenant: Tenant, status: str) -> None:
    execution = created(tenant, flow_name="invoices", status="cancelled" if status == "queued" else "queued")
    changed = tenant.api().patch(f"{PATH}/{execution['id']}/status?status={status}").json()
    assert changed == {**execution, "status": status, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > execution["updated_at"]


def test_the_same_status_again_changes_nothing(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    before = position(tenant)
    assert tenant.api().patch(f"{PATH}/{execution['id']}/status?status=queued").json() == execution
    assert position(tenant) == before


@pytest.mark.parametrize("query", ["?status=finished", "?status=", "?status=Queued"])
def test_an_unknown_status_is_out_of_bounds(tenant: Tenant, query: str) -> None:
    execution = created(tenant, flow_name="invoices")
    assert places(invalid(tenant.api().patch(f"{PATH}/{execution['id']}/status{query}"))) == [["query", "status"]]


def test_a_missing_status_is_not_understood(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    bad_request(tenant.api().patch(f"{PATH}/{execution['id']}/status"))


def test_the_status_of_an_unknown_execution_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().patch(f"{PATH}/{UNKNOWN_ID}/status?status=queued"))


def test_the_status_deleted_deletes(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    changed = tenant.api().patch(f"{PATH}/{execution['id']}/status?status=deleted")
    assert changed.json()["status"] == "deleted"
    not_found(tenant.api().get(f"{PATH}/{execution['id']}"))


def test_a_deleted_execution_is_not_found(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    assert tenant.api().delete(f"{PATH}/{execution['id']}").status_code == 204
    not_found(tenant.api().get(f"{PATH}/{execution['id']}"))
    not_found(tenant.api().patch(f"{PATH}/{execution['id']}/status?status=queued"))


def test_deleting_again_is_no_error_and_no_change(tenant: Tenant) -> None:
    execution = created(tenant, flow_name="invoices")
    tenant.api().delete(f"{PATH}/{execution['id']}")
    before = position(tenant)
    assert tenant.api().delete(f"{PATH}/{execution['id']}").status_code == 204
    assert position(tenant) == before


def test_deleting_what_never_was_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().delete(f"{PATH}/{UNKNOWN_ID}"))


def test_deleting_hides_the_tags_but_keeps_their_rows(tenant: Tenant, owner: Any) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "approved"))
    assert len(active_tags(tenant, execution.id)) == 1
    tenant.api().delete(f"{PATH}/{execution.id}")
    not_found(tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)))
    kept = owner.execute("SELECT count(*) FROM task_tag WHERE organization_id = %s", [tenant.id]).fetchone()
    assert kept == (1,)


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_foreign_execution_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant, method: str) -> None:
    foreign = neighbour.execution()
    answers = [not_found(getattr(tenant.api(), method)(f"{PATH}/{id}")) for id in (foreign.id, UNKNOWN_ID)]
    assert answers[0] == answers[1]
    assert neighbour.api().get(f"{PATH}/{foreign.id}").status_code == 200


def test_a_foreign_status_stays(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution()
    not_found(tenant.api().patch(f"{PATH}/{foreign.id}/status?status=failed"))
    assert neighbour.api().get(f"{PATH}/{foreign.id}").json()["status"] == "running"


def test_an_id_in_capital_letters_is_the_same_id(tenant: Tenant) -> None:
    execution = tenant.execution()
    assert tenant.api().get(f"{PATH}/{str(execution.id).upper()}").json()["id"] == str(execution.id)

"""POST /api/task-executions: report a run of a task."""

import json
from typing import Any

import pytest

from tags.models import ProcessingStatus
from tests.api.calls import UNKNOWN_ID, bad_request, invalid, not_found, places, position
from tests.cast import Tenant

PATH = "/api/task-executions"


def report(execution_id: Any, **fields: Any) -> dict[str, Any]:
    return {
        "flow_execution_id": str(execution_id),
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "running",
        **fields,
    }


def reported(tenant: Tenant, execution_id: Any, **fields: Any) -> dict[str, Any]:
    response = tenant.api().post(PATH, report(execution_id, **fields))
    assert response.status_code == 201, response.content
    record: dict[str, Any] = response.json()
    return record


def test_a_record_has_the_fields_of_the_contract(tenant: Tenant) -> None:
    execution = tenant.execution()

    record = reported(tenant, execution.id)

    assert record.pop("id")
    assert record.pop("created_at")
    assert record == {
        "flow_execution_id": str(execution.id),
        "organization_id": str(tenant.id),
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "running",
        "edited_status": "not_edited",
        "stale_status": "consistent",
        "input": None,
        "output": None,
        "error": None,
        "source_task_executions": None,
        "started_at": None,
        "completed_at": None,
        "updated_at": None,
        "modified_by": "integration",
        "credits": None,
    }


def test_the_optional_fields_are_kept(tenant: Tenant) -> None:
    fields = {
        "input": [1, {"a": None}],
        "output": {"total": 1280.5},
        "error": "none",
        "source_task_executions": [UNKNOWN_ID],
        "started_at": "2026-01-31T09:00:00+00:00",
        "completed_at": "2026-01-31T09:00:04.123456+00:00",
        "credits": 3,
        "edited_status": "edited_reexecuted",
        "stale_status": "stale",
    }
    record = reported(tenant, tenant.execution().id, **fields)
    assert {name: record[name] for name in fields} == fields


@pytest.mark.parametrize("status", ProcessingStatus.values)
def test_every_processing_status_of_the_contract_is_taken(tenant: Tenant, status: str) -> None:
    assert reported(tenant, tenant.execution().id, processing_status=status)["processing_status"] == status


def test_the_same_key_again_updates_the_record(tenant: Tenant) -> None:
    execution = tenant.execution()
    first = reported(tenant, execution.id)
    second = reported(tenant, execution.id, processing_status="completed", output={"total": 1})
    assert second["id"] == first["id"]
    assert second["created_at"] == first["created_at"]
    assert (second["processing_status"], second["output"]) == ("completed", {"total": 1})
    assert second["updated_at"] is not None


def test_the_same_report_again_changes_nothing(tenant: Tenant) -> None:
    execution = tenant.execution()
    first = reported(tenant, execution.id, output={"total": 1})
    before = position(tenant)
    assert reported(tenant, execution.id, output={"total": 1.0}) == first
    assert position(tenant) == before


def test_a_field_that_a_later_report_leaves_out_stays(tenant: Tenant) -> None:
    execution = tenant.execution()
    reported(tenant, execution.id, input={"file": "a.pdf"})
    assert reported(tenant, execution.id, output=1)["input"] == {"file": "a.pdf"}


@pytest.mark.parametrize("other", [{"task_name": "pay"}, {"task_name": "Extract"}, {"task_execution_idx": 1}])
def test_another_key_is_another_record(tenant: Tenant, other: dict[str, Any]) -> None:
    execution = tenant.execution()
    assert reported(tenant, execution.id, **other)["id"] != reported(tenant, execution.id)["id"]


def test_an_output_after_a_correction_is_edited_reexecuted(tenant: Tenant) -> None:
    execution = tenant.execution()
    record = reported(tenant, execution.id, output=1)
    tenant.api("reviewer").put(PATH, {"id": record["id"], "output": 2})
    assert reported(tenant, execution.id, output=3)["edited_status"] == "edited_reexecuted"


@pytest.mark.parametrize("field", ["flow_execution_id", "task_name", "task_execution_idx", "processing_status"])
def test_a_missing_required_field_is_not_understood(tenant: Tenant, field: str) -> None:
    body = report(tenant.execution().id)
    del body[field]
    assert places(bad_request(tenant.api().post(PATH, body))) == [["body", field]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_name", ""),
        ("task_name", "x" * 201),
        ("task_name", 7),
        ("task_execution_idx", -1),
        ("task_execution_idx", 2**31),
        ("task_execution_idx", 0.5),
        ("task_execution_idx", "0"),
        ("task_execution_idx", True),
        ("processing_status", "finished"),
        ("processing_status", None),
        ("edited_status", "edited"),
        ("stale_status", "fresh"),
        ("started_at", "yesterday"),
        ("started_at", 0),
        ("completed_at", []),
        ("credits", 2**31),
        ("credits", "3"),
        ("credits", True),
        ("credits", 1.5),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_place(tenant: Tenant, field: str, value: Any) -> None:
    body = report(tenant.execution().id, **{field: value})
    assert places(invalid(tenant.api().post(PATH, body))) == [["body", field]]


@pytest.mark.parametrize(
    ("field", "value"),
    [("task_execution_idx", 2**31 - 1), ("task_name", "\U0001f680" * 200), ("credits", -(2**31)), ("credits", 0)],
)
def test_a_value_at_the_edge_is_taken(tenant: Tenant, field: str, value: Any) -> None:
    assert reported(tenant, tenant.execution().id, **{field: value})[field] == value


def test_an_index_written_as_1_point_0_is_the_integer(tenant: Tenant) -> None:
    body = json.dumps(report(tenant.execution().id)).replace('"task_execution_idx": 0', '"task_execution_idx": 1.0')
    assert tenant.api().post(PATH, body).json()["task_execution_idx"] == 1


@pytest.mark.parametrize("value", ["not-a-uuid", 7, None])
def test_a_flow_execution_id_that_is_no_uuid_is_not_understood(tenant: Tenant, value: Any) -> None:
    assert places(bad_request(tenant.api().post(PATH, {**report(UNKNOWN_ID), "flow_execution_id": value}))) == [
        ["body", "flow_execution_id"]
    ]


def test_an_unknown_flow_execution_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().post(PATH, report(UNKNOWN_ID)))


def test_a_foreign_flow_execution_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution()
    answers = [not_found(tenant.api().post(PATH, report(id))) for id in (foreign.id, UNKNOWN_ID)]
    assert answers[0] == answers[1]


def test_a_time_with_an_offset_comes_back_in_utc(tenant: Tenant) -> None:
    record = reported(tenant, tenant.execution().id, started_at="2026-01-31T11:00:00+02:00")
    assert record["started_at"] == "2026-01-31T09:00:00+00:00"


def test_unknown_fields_are_ignored(tenant: Tenant) -> None:
    record = reported(tenant, tenant.execution().id, id=UNKNOWN_ID, created_at="never", colour="blue", tags=[1])
    assert record["id"] != UNKNOWN_ID


def test_a_body_of_several_mebibytes_is_taken(tenant: Tenant) -> None:
    assert len(reported(tenant, tenant.execution().id, output="x" * 3 * 2**20)["output"]) == 3 * 2**20

"""PUT /api/task-executions: correct a record."""

from typing import Any

import pytest

from tests.api.calls import UNKNOWN_ID, bad_request, conflict, invalid, not_found, places, position
from tests.cast import Tenant

PATH = "/api/task-executions"


@pytest.fixture
def record(tenant: Tenant) -> dict[str, Any]:
    """A completed run with an output, as a reviewer reads it."""
    task = tenant.task(tenant.execution(), "extract", output={"total": 1280.5})
    return read(tenant, task.id)


def read(tenant: Tenant, record_id: Any) -> dict[str, Any]:
    response = tenant.api("viewer").get(f"{PATH}/{record_id}")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def corrected(tenant: Tenant, body: dict[str, Any], who: str = "reviewer", query: str = "") -> dict[str, Any]:
    response = tenant.api(who).put(f"{PATH}{query}", body)
    assert response.status_code == 200, response.content
    changed: dict[str, Any] = response.json()
    return changed


def test_a_persons_change_of_the_output_makes_it_edited_not_reexecuted(tenant: Tenant, record: dict[str, Any]) -> None:
    changed = corrected(tenant, {**record, "output": {"total": 1208.5}})
    assert changed["output"] == {"total": 1208.5}
    assert changed["edited_status"] == "edited_not_reexecuted"
    assert changed["modified_by"] == str(tenant.reviewer.id)
    assert changed["updated_at"] is not None


def test_a_persons_change_of_something_else_leaves_the_edited_status(tenant: Tenant, record: dict[str, Any]) -> None:
    assert corrected(tenant, {"id": record["id"], "credits": 5})["edited_status"] == "not_edited"


def test_a_programs_change_of_the_output_leaves_the_edited_status(tenant: Tenant, record: dict[str, Any]) -> None:
    assert corrected(tenant, {"id": record["id"], "output": 1}, who="program")["edited_status"] == "not_edited"


def test_the_record_as_it_was_read_changes_nothing(tenant: Tenant, record: dict[str, Any]) -> None:
    before = position(tenant)
    assert corrected(tenant, record) == record
    assert position(tenant) == before


def test_an_output_that_is_equal_as_json_is_no_change(tenant: Tenant) -> None:
    task = tenant.task(tenant.execution(), "extract", output={"a": 1, "b": 2})
    changed = corrected(tenant, {"id": str(task.id), "output": {"b": 2.0, "a": 1}})
    assert changed["edited_status"] == "not_edited"


def test_true_instead_of_one_is_a_change(tenant: Tenant) -> None:
    task = tenant.task(tenant.execution(), "extract", output=1)
    assert corrected(tenant, {"id": str(task.id), "output": True})["output"] is True


def test_fields_that_are_left_out_stay(tenant: Tenant, record: dict[str, Any]) -> None:
    assert corrected(tenant, {"id": record["id"], "credits": 5})["output"] == record["output"]


def test_an_output_may_be_changed_to_null(tenant: Tenant, record: dict[str, Any]) -> None:
    assert corrected(tenant, {"id": record["id"], "output": None})["output"] is None


def test_the_second_of_two_corrections_of_the_same_state_is_a_conflict(tenant: Tenant, record: dict[str, Any]) -> None:
    first = corrected(tenant, {**record, "output": "first"})

    conflict(tenant.api("admin").put(PATH, {**record, "output": "second"}))

    assert read(tenant, record["id"]) == first


def test_after_reading_again_the_correction_goes_through(tenant: Tenant, record: dict[str, Any]) -> None:
    first = corrected(tenant, {**record, "output": "first"})
    assert corrected(tenant, {**first, "output": "second"}, who="admin")["output"] == "second"


def test_updated_at_is_compared_as_a_time(tenant: Tenant, record: dict[str, Any]) -> None:
    first = corrected(tenant, {**record, "output": "first"})
    stamp = first["updated_at"].replace("+00:00", "Z")
    assert corrected(tenant, {"id": record["id"], "updated_at": stamp, "credits": 1})["credits"] == 1


def test_updated_at_that_was_never_stored_is_a_conflict(tenant: Tenant, record: dict[str, Any]) -> None:
    conflict(tenant.api("reviewer").put(PATH, {"id": record["id"], "updated_at": "2020-01-01T00:00:00Z"}))


def test_without_updated_at_the_last_correction_wins(tenant: Tenant, record: dict[str, Any]) -> None:
    corrected(tenant, {"id": record["id"], "output": "first"})
    assert corrected(tenant, {"id": record["id"], "output": "second"})["output"] == "second"


@pytest.mark.parametrize(
    ("field", "value"), [("flow_execution_id", UNKNOWN_ID), ("task_name", "pay"), ("task_execution_idx", 7)]
)
def test_a_record_cannot_move_to_another_task(tenant: Tenant, record: dict[str, Any], field: str, value: Any) -> None:
    error = invalid(tenant.api("reviewer").put(PATH, {**record, field: value}))
    assert places(error) == [["body", field]]
    assert read(tenant, record["id"]) == record


def test_without_an_id_it_is_not_understood(tenant: Tenant) -> None:
    assert places(bad_request(tenant.api("reviewer").put(PATH, {"output": 1}))) == [["body", "id"]]


@pytest.mark.parametrize("value", ["not-a-uuid", 7, None])
def test_an_id_that_is_no_uuid_is_not_understood(tenant: Tenant, value: Any) -> None:
    bad_request(tenant.api("reviewer").put(PATH, {"id": value}))


def test_an_unknown_record_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api("reviewer").put(PATH, {"id": UNKNOWN_ID, "output": 1}))


def test_a_foreign_record_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.task(neighbour.execution(), "extract", output=1)
    answers = [
        not_found(tenant.api("reviewer").put(PATH, {"id": str(id), "output": 2})) for id in (foreign.id, UNKNOWN_ID)
    ]
    assert answers[0] == answers[1]
    assert read(neighbour, foreign.id)["output"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("processing_status", "finished"), ("edited_status", 1), ("started_at", "soon"), ("credits", "1")],
)
def test_a_value_out_of_bounds_is_refused_with_its_place(
    tenant: Tenant, record: dict[str, Any], field: str, value: Any
) -> None:
    assert places(invalid(tenant.api("reviewer").put(PATH, {**record, field: value}))) == [["body", field]]


# execute_flow


@pytest.fixture
def chain(tenant: Tenant) -> dict[str, str]:
    """extract <- check <- pay, and beside them one that stands alone: the ids by task name."""
    execution = tenant.execution()
    ids = {"extract": str(tenant.task(execution, "extract", output=1).id)}
    ids["check"] = str(tenant.task(execution, "check", source_task_executions=[ids["extract"]]).id)
    ids["pay"] = str(tenant.task(execution, "pay", source_task_executions={"inputs": {"of": ids["check"]}}).id)
    ids["alone"] = str(tenant.task(execution, "alone").id)
    return ids


def stale(tenant: Tenant, ids: dict[str, str]) -> set[str]:
    return {name for name, id in ids.items() if read(tenant, id)["stale_status"] == "stale"}


def test_execute_flow_marks_what_depends_on_it_stale_through_others_too(tenant: Tenant, chain: dict[str, str]) -> None:
    corrected(tenant, {"id": chain["extract"], "output": 2}, query="?execute_flow=true")
    assert stale(tenant, chain) == {"check", "pay"}


def test_execute_flow_leaves_what_comes_before_it(tenant: Tenant, chain: dict[str, str]) -> None:
    corrected(tenant, {"id": chain["check"], "output": 2}, query="?execute_flow=true")
    assert stale(tenant, chain) == {"pay"}


@pytest.mark.parametrize("query", ["", "?execute_flow=false"])
def test_without_execute_flow_nothing_becomes_stale(tenant: Tenant, chain: dict[str, str], query: str) -> None:
    corrected(tenant, {"id": chain["extract"], "output": 2}, query=query)
    assert stale(tenant, chain) == set()


def test_execute_flow_ends_where_tasks_name_each_other(tenant: Tenant) -> None:
    execution = tenant.execution()
    first = tenant.task(execution, "first", output=1)
    second = tenant.task(execution, "second", source_task_executions=[str(first.id)])
    corrected(tenant, {"id": str(first.id), "source_task_executions": [str(second.id)]})
    corrected(tenant, {"id": str(first.id), "output": 2}, query="?execute_flow=true")
    assert stale(tenant, {"first": str(first.id), "second": str(second.id)}) == {"second"}


def test_execute_flow_leaves_other_executions_and_organizations(
    tenant: Tenant, neighbour: Tenant, chain: dict[str, str]
) -> None:
    source = [chain["extract"]]
    elsewhere = tenant.task(tenant.execution(), "check", source_task_executions=source)
    foreign = neighbour.task(neighbour.execution(), "check", source_task_executions=source)
    corrected(tenant, {"id": chain["extract"], "output": 2}, query="?execute_flow=true")
    assert read(tenant, elsewhere.id)["stale_status"] == "consistent"
    assert read(neighbour, foreign.id)["stale_status"] == "consistent"


def test_execute_flow_must_be_a_truth_value(tenant: Tenant, record: dict[str, Any]) -> None:
    invalid(tenant.api("reviewer").put(f"{PATH}?execute_flow=perhaps", {"id": record["id"]}))

"""GET /api/task-tags: the active tags of a flow execution."""

from typing import Any

import pytest

from tests.api.calls import UNKNOWN_ID, active_tags, bad_request, invalid, not_found
from tests.cast import Tenant, operation

PATH = "/api/task-tags"


def test_a_tag_has_the_fields_of_the_contract(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "approved", tag_metadata={"by": ["ada"]}))

    (tag,) = active_tags(tenant, execution.id)

    created_at = tag.pop("created_at")
    assert created_at
    assert tag.pop("id") not in ("", str(execution.id))
    assert tag == {
        "flow_execution_id": str(execution.id),
        "organization_id": str(tenant.id),
        "task_name": "extract",
        "tag": "approved",
        "tag_type": "review",
        "tag_metadata": {"by": ["ada"]},
        "status": "active",
        "updated_at": None,
        "modified_by": "integration",
    }


def test_modified_by_is_the_id_of_a_person(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api("reviewer").tag(operation("add", execution, "extract", "approved"))
    assert active_tags(tenant, execution.id)[0]["modified_by"] == str(tenant.reviewer.id)


def test_the_answer_is_a_bare_list_of_all_tasks(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "pay")
    tenant.api().tag(operation("add", execution, "extract", "a"), operation("add", execution, "pay", "b"))
    assert [tag["tag"] for tag in active_tags(tenant, execution.id)] == ["a", "b"]


def test_task_name_leaves_the_tags_of_that_task(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "pay")
    tenant.api().tag(operation("add", execution, "extract", "a"), operation("add", execution, "pay", "b"))
    assert [tag["tag"] for tag in active_tags(tenant, execution.id, task_name="pay")] == ["b"]


@pytest.mark.parametrize("name", ["nothing", "Extract", "x" * 200])
def test_a_task_name_that_matches_nothing_gives_an_empty_list(tenant: Tenant, name: str) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "a"))
    assert active_tags(tenant, execution.id, task_name=name) == []


def test_a_flow_execution_without_tags_gives_an_empty_list(tenant: Tenant) -> None:
    assert active_tags(tenant, tenant.execution("extract").id) == []


def test_removed_tags_do_not_show(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(*[operation(kind, execution, "extract", "a") for kind in ("add", "remove")])
    assert active_tags(tenant, execution.id) == []


def test_another_executions_tags_do_not_show(tenant: Tenant) -> None:
    execution, other = tenant.execution("extract"), tenant.execution("extract")
    tenant.api().tag(operation("add", other, "extract", "a"))
    assert active_tags(tenant, execution.id) == []


def test_without_a_flow_execution_id_it_is_not_understood(tenant: Tenant) -> None:
    bad_request(tenant.api().get(PATH))


@pytest.mark.parametrize("value", ["", "7", "not-a-uuid"])
def test_a_flow_execution_id_that_is_no_uuid_is_not_understood(tenant: Tenant, value: str) -> None:
    bad_request(tenant.api().get(PATH, flow_execution_id=value))


def test_an_unknown_flow_execution_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().get(PATH, flow_execution_id=UNKNOWN_ID))


def test_a_foreign_flow_execution_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution("extract")
    answers = [not_found(tenant.api().get(PATH, flow_execution_id=str(id))) for id in (foreign.id, UNKNOWN_ID)]
    assert answers[0] == answers[1]


def test_a_deleted_flow_execution_hides_its_tags(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "a"))
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    not_found(tenant.api().get(PATH, flow_execution_id=str(execution.id)))


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_task_name_has_one_to_two_hundred_characters(tenant: Tenant, name: str) -> None:
    execution = tenant.execution("extract")
    invalid(tenant.api().get(PATH, flow_execution_id=str(execution.id), task_name=name))


def test_a_trailing_slash_is_not_an_error(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    assert tenant.api().get(f"{PATH}/", flow_execution_id=str(execution.id)).json() == []


def test_unknown_parameters_are_ignored(tenant: Tenant) -> None:
    parameters: dict[str, Any] = {"flow_execution_id": str(tenant.execution("extract").id), "colour": "blue"}
    assert tenant.api().get(PATH, **parameters).json() == []

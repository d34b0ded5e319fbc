"""GET /api/task-tags/wait, as far as it needs no waiting; tests/live/test_long_poll.py waits."""

from typing import Any

import pytest
from django.http import HttpResponse

from tags.models import FlowExecution
from tests.api.calls import UNKNOWN_ID, bad_request, invalid, not_found
from tests.cast import Tenant, operation

PATH = "/api/task-tags/wait"


def awaited(tenant: Tenant, execution: FlowExecution, **query: Any) -> HttpResponse:
    asked = {"flow_execution_id": str(execution.id), "task_name": "extract", "tag_type": "review"}
    return tenant.api("viewer").get(PATH, **{**asked, **query})


def test_the_tags_that_are_there_come_at_once(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "pay")
    tenant.api().tag(
        operation("add", execution, "extract", "approved", tag_metadata={"n": 1.50}),
        operation("add", execution, "extract", "seen", tag_type="audit"),
        operation("add", execution, "pay", "rejected"),
        operation("add", execution, "extract", "checked"),
    )
    response = awaited(tenant, execution)
    assert response.status_code == 200
    listed = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id), task_name="extract").json()
    assert response.json() == [tag for tag in listed if tag["tag_type"] == "review"]
    assert [tag["tag"] for tag in awaited(tenant, execution, tag="checked").json()] == ["checked"]


@pytest.mark.parametrize("query", [{}, {"tag": "rejected"}, {"task_name": "no such task"}, {"tag_type": "Review"}])
def test_without_such_a_tag_nothing_is_answered(tenant: Tenant, query: dict[str, Any]) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "gone"), operation("remove", execution, "extract", "gone"))
    response = awaited(tenant, execution, **query)
    assert (response.status_code, response.content) == (204, b"")


def test_a_flow_execution_that_is_not_there_is_not_waited_for(tenant: Tenant, neighbour: Tenant) -> None:
    execution = tenant.execution("extract")
    not_found(awaited(tenant, execution, flow_execution_id=UNKNOWN_ID))
    not_found(awaited(tenant, execution, flow_execution_id=str(neighbour.execution("extract").id)))
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    not_found(awaited(tenant, execution))


@pytest.mark.parametrize(
    "query", [{"timeout": 301}, {"timeout": -1}, {"timeout": "soon"}, {"tag_type": ""}, {"task_name": "x" * 201}]
)
def test_a_value_out_of_bounds_is_refused(tenant: Tenant, query: dict[str, Any]) -> None:
    error = invalid(awaited(tenant, tenant.execution("extract"), **query))
    assert error["details"][0]["loc"] == ["query", next(iter(query))]


@pytest.mark.parametrize("missing", ["flow_execution_id", "task_name", "tag_type"])
def test_what_is_waited_for_must_be_named(tenant: Tenant, missing: str) -> None:
    asked = {"flow_execution_id": UNKNOWN_ID, "task_name": "extract", "tag_type": "review"}
    del asked[missing]
    bad_request(tenant.api().get(PATH, **asked))
    bad_request(tenant.api().get(PATH, **{**asked, "flow_execution_id": "x"}))

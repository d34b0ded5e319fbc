"""What the palette finds, and that it finds nothing of others."""

from typing import Any

import pytest

from tags.actions.flow_executions import delete_flow_execution
from tests.cast import Tenant, operation
from tests.review.pages import browser


def found(tenant: Tenant, wanted: str) -> list[tuple[str, str]]:
    answer: Any = browser(tenant, "viewer").get("/palette", {"q": wanted})
    assert answer.status_code == 200
    return [(item["label"], item["path"]) for item in answer.json()["items"] if not item["path"].startswith("/?")]


def test_a_name_that_begins_so_comes_first_and_each_task_once(tenant: Tenant) -> None:
    execution = tenant.execution("pre-check", "Check", "check again", flow_name="a check of all")
    tenant.task(execution, "Check", idx=1)
    tenant.api().tag(operation("add", execution, "pre-check", "pending_approval"))
    assert [label for label, _ in found(tenant, "CHECK")] == ["Check", "check again", "pre-check", "a check of all"]
    assert found(tenant, "100%_") == []


def test_an_id_is_found_by_its_beginning(tenant: Tenant) -> None:
    execution = tenant.execution()
    record = tenant.task(execution, "extract")
    for wanted in (str(record.id), record.id.hex[:30], str(record.id)[:-2]):
        assert ("extract", f"/tasks/{record.id}") in found(tenant, wanted)
    assert ("invoices", f"/runs/{execution.id}") in found(tenant, str(execution.id))


def test_nothing_of_others_and_nothing_deleted(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution(flow_name="secret flow")
    record = neighbour.task(foreign, "secret task")
    gone = tenant.execution("secret of old", flow_name="deleted secret")
    delete_flow_execution(tenant.id, tenant.actor, gone.id)
    for text in ("secret", str(record.id), str(foreign.id), str(gone.id)):
        assert found(tenant, text) == []


@pytest.mark.parametrize("wanted", ["\x00", "x" * 5000, "ffffffff-", "%", "'; --", "😀😀"], ids=repr)
def test_whatever_is_typed_is_looked_for(tenant: Tenant, wanted: str) -> None:
    assert found(tenant, wanted) == []

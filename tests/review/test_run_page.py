"""The page of a run: its tasks, along the time they took."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tags.actions.flow_executions import create_flow_execution
from tags.models import SYSTEM, FlowExecution
from tests.api.calls import UNKNOWN_ID
from tests.cast import Tenant, operation
from tests.review.pages import browser, text

START = datetime(2026, 1, 31, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    execution = create_flow_execution(
        tenant.id,
        SYSTEM,
        flow_name="invoices",
        fields={"status": "running", "input": {"n": Decimal("1.50"), "who": "<b>"}},
    )
    tenant.task(execution, "second", started_at=at(50), completed_at=at(100))
    tenant.task(execution, "first", 0, started_at=at(0), completed_at=at(10), processing_status="failed")
    tenant.task(execution, "first", 1, started_at=at(20), completed_at=at(45))
    tenant.task(execution, "later", processing_status="queued")
    tenant.api().tag(operation("add", execution, "second", "pending_approval"))
    return execution


def rows(page: str) -> list[str]:
    return re.findall(r"<tr>(.*?)</tr>", page[page.index("<tbody>") :], re.DOTALL)


def test_tasks_stand_in_the_order_of_their_start(tenant: Tenant, execution: FlowExecution) -> None:
    page = text(browser(tenant).get(f"/runs/{execution.id}"))
    names = [re.search(r'<a id="task-[^>]+>([^<]+)</a>', row)[1] for row in rows(page)]  # type: ignore[index]
    assert names == ["first", "second", "later"]
    assert "3 tasks" in page
    assert "1 min 40 s" in page
    assert "&lt;b&gt;" in page
    assert "1.5" in page


def test_a_task_has_its_tries_times_and_tags(tenant: Tenant, execution: FlowExecution) -> None:
    first, second, later = rows(text(browser(tenant).get(f"/runs/{execution.id}")))
    assert re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', first) == [
        ("failed", "0.0", "100.0"),
        ("completed", "200.0", "250.0"),
    ]
    assert ">2</td>" in first
    assert "45.0 s" in first
    assert 'x="500.0" y="0" width="500.0"' in second
    assert "pending_approval" in second
    assert "Queued" in later
    assert "<rect" not in later


@pytest.mark.parametrize("who", ["viewer", "reviewer"])
def test_every_member_sees_it(tenant: Tenant, execution: FlowExecution, who: str) -> None:
    response = browser(tenant, who).get(f"/runs/{execution.id}")
    assert response.status_code == 200
    assert " style=" not in text(response)


@pytest.mark.parametrize("path", ["", "/input", "/input?raw"])
def test_another_organizations_run_is_not_there(neighbour: Tenant, execution: FlowExecution, path: str) -> None:
    client = browser(neighbour)
    assert client.get(f"/runs/{execution.id}{path}").status_code == 404
    assert client.get(f"/runs/{UNKNOWN_ID}{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "/input"])
def test_a_deleted_run_is_not_there(tenant: Tenant, execution: FlowExecution, path: str) -> None:
    tenant.api("admin").delete(f"/api/flow-executions/{execution.id}")
    assert browser(tenant).get(f"/runs/{execution.id}{path}").status_code == 404


def test_its_input_as_json(tenant: Tenant, execution: FlowExecution) -> None:
    assert '"n": 1.5' in text(browser(tenant).get(f"/runs/{execution.id}/input?raw"))


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"started_at": at(5)},
        {"completed_at": at(5)},
        {"started_at": at(5), "completed_at": at(5)},
        {"started_at": at(5), "completed_at": at(1)},
        {"started_at": datetime(1, 1, 1, tzinfo=UTC), "completed_at": datetime(9999, 12, 31, tzinfo=UTC)},
    ],
)
def test_times_may_be_odd(tenant: Tenant, times: dict[str, Any]) -> None:
    execution = tenant.execution()
    record = tenant.task(execution, "odd", **times)
    client = browser(tenant)
    assert client.get(f"/runs/{execution.id}").status_code == 200
    assert client.get(f"/tasks/{record.id}").status_code == 200


def test_a_run_without_tasks(tenant: Tenant) -> None:
    execution = tenant.execution()
    assert "No task has been reported yet" in text(browser(tenant).get(f"/runs/{execution.id}"))


def test_how_many_tasks_are_shown_is_bounded(tenant: Tenant, execution: FlowExecution, owner: Any) -> None:
    client = browser(tenant)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/runs/{execution.id}")
        return len(asked)

    few = count()
    owner.execute(
        """
        INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
            processing_status, edited_status, stale_status, started_at, created_at, modified_by)
        SELECT gen_random_uuid(), %(organization)s, %(execution)s, 'many ' || n, 0,
            'completed', 'not_edited', 'consistent', now(), now(), 'system' FROM generate_series(1, 1200) AS n
        """,
        {"organization": tenant.id, "execution": execution.id},
    )
    page = text(client.get(f"/runs/{execution.id}"))
    assert "1203 tasks" in page
    assert len(rows(page)) == 1_000
    assert "203 more tasks are not shown here" in page
    assert count() == few <= 20

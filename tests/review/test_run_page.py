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
    return re.findall(r"<tr data-row[^>]*>(.*?)</tr>", page, re.DOTALL)


def names(page: str) -> list[str]:
    return re.findall(r'<tr data-row="([^"]*)"', page)


def bars(row: str) -> list[tuple[str, str, str]]:
    """Status, beginning and length in percent."""
    return re.findall(r'<rect class="(\w+)"\s+x="([\d.]+)%"\s+y="\d+"\s+width="([\d.]+)%"', row)


def test_tasks_stand_in_the_order_of_their_start(tenant: Tenant, execution: FlowExecution) -> None:
    page = text(browser(tenant).get(f"/runs/{execution.id}"))
    assert names(page) == ["first", "second", "later"]
    assert "3 tasks" in page
    assert "1 min 40 s" in page
    assert "&lt;b&gt;" in page
    assert "1.5" in page


def test_a_task_has_its_tries_times_and_tags(tenant: Tenant, execution: FlowExecution) -> None:
    first, second, later = rows(text(browser(tenant).get(f"/runs/{execution.id}")))
    assert bars(first) == [("failed", "0.0", "10.0"), ("completed", "20.0", "25.0")]
    assert ">2</td>" in first
    assert "45.0 s" in first
    assert bars(second) == [("completed", "50.0", "50.0")]
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


def add_tasks(owner: Any, tenant: Tenant, execution: FlowExecution, name: str, count: int) -> None:
    owner.execute(
        """
        INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
            processing_status, edited_status, stale_status, started_at, completed_at, created_at, modified_by)
        SELECT gen_random_uuid(), %(organization)s, %(execution)s, format(%(name)s, n), 0,
            CASE n WHEN 3 THEN 'failed' ELSE 'completed' END, 'not_edited', 'consistent',
            %(start)s + n * interval '1 second', %(start)s + (n + 1) * interval '1 second', now(), 'system'
        FROM generate_series(1, %(count)s) AS n
        """,
        {
            "organization": tenant.id,
            "execution": execution.id,
            "name": name,
            "count": count,
            "start": at(200),
        },
    )


def test_thousands_of_tasks_come_in_pages(tenant: Tenant, execution: FlowExecution, owner: Any) -> None:
    client = browser(tenant)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/runs/{execution.id}")
        return len(asked)

    few = count()
    add_tasks(owner, tenant, execution, "many %s", 2_100)
    page = text(client.get(f"/runs/{execution.id}"))
    assert "2103 tasks" in page
    assert len(rows(page)) == 100
    assert count() == few <= 20
    following = re.search(r'href="(\?offset=100)"', page)[1]  # type: ignore[index]
    assert names(text(client.get(f"/runs/{execution.id}{following}")))[:2] == ["many 99", "many 100"]
    assert names(text(client.get(f"/runs/{execution.id}?offset=2100"))) == ["many 2099", "many 2100", "later"]


def test_the_parts_of_a_mapped_task_are_one_row(tenant: Tenant, execution: FlowExecution, owner: Any) -> None:
    add_tasks(owner, tenant, execution, "load[%s]", 40)
    client = browser(tenant)
    page = text(client.get(f"/runs/{execution.id}"))
    assert names(page) == ["first", "second", "load", "later"]
    row = rows(page)[2]
    assert "40</span>" in row
    assert "39 Completed" in " ".join(row.split())
    assert "Failed" in row
    assert "step=load" in row
    assert bars(row)[0][0] == "span"
    assert len(bars(row)) == 41
    assert len(names(text(client.get(f"/runs/{execution.id}?step=load")))) == 40
    assert names(text(client.get(f"/runs/{execution.id}?step=load&status=failed"))) == ["load[3]"]


def test_tasks_are_found_by_status_name_and_what_waits(tenant: Tenant, execution: FlowExecution) -> None:
    client = browser(tenant)

    def found(query: str) -> list[str]:
        return names(text(client.get(f"/runs/{execution.id}?{query}")))

    assert found("status=queued") == ["later"]
    assert found("only_waiting=1") == ["second"]
    assert found("q=SEC") == ["second"]
    assert found("q=x") == []
    assert found("status=unknown&offset=-1") == ["first", "second", "later"]


def test_what_runs_lasts_until_now(tenant: Tenant) -> None:
    execution = tenant.execution()
    begun = datetime.now(UTC) - timedelta(minutes=10)
    tenant.task(execution, "done", started_at=begun, completed_at=begun + timedelta(minutes=5))
    tenant.task(execution, "going", started_at=begun, processing_status="running")
    page = text(browser(tenant).get(f"/runs/{execution.id}"))
    done, going = rows(page)
    assert "10 min" in going
    assert "…" in going
    assert 49 < float(bars(done)[0][2]) <= 50
    assert bars(going) == [("running", "0.0", "100.0")]
    assert "so far" in page
    assert "data-goes-on" in page

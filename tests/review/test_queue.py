"""Where a task stands in the list that the person came from."""

from urllib.parse import urlencode

import pytest

from tags.models import TaskExecution
from tests.cast import Tenant, operation
from tests.review.pages import browser, text


@pytest.fixture
def queue(tenant: Tenant) -> dict[str, TaskExecution]:
    """Of two flows by turns, the oldest first."""
    records = {}
    executions = {flow: tenant.execution(flow_name=flow) for flow in ("invoices", "payments")}
    for number, name in enumerate("abcdef"):
        execution = executions["payments" if number % 2 else "invoices"]
        records[name] = tenant.task(execution, name, processing_status="failed" if name in "ef" else "completed")
        tenant.api().tag(operation("add", execution, name, "pending_approval"))
    return records


def place(tenant: Tenant, record: TaskExecution, queue: str = "") -> tuple[str, str, str]:
    """What the page says, and the ids of the next and the previous task."""
    html = text(browser(tenant).get(f"/tasks/{record.id}?{urlencode({'queue': queue}) if queue else ''}"))
    way = html[html.index('id="way"') :]
    said = " ".join(way[way.index('class="quiet-text">') + 19 : way.index("</span>")].split())
    ids = [
        html.split(f'data-{which}="')[1].split('"')[0].split("?")[0].rpartition("/")[2]
        for which in ("next", "previous")
    ]
    return said, *ids


@pytest.mark.parametrize(
    ("list_", "task", "said", "following", "before"),
    [
        ("", "c", "3 of 6 waiting", "d", "b"),
        ("", "a", "1 of 6 waiting", "b", ""),
        ("", "f", "6 of 6 waiting", "a", "e"),
        ("sort=newest", "c", "4 of 6 waiting", "b", "d"),
        ("flow=invoices", "c", "2 of 3 in your list", "e", "a"),
        ("flow=invoices", "e", "3 of 3 in your list", "a", "c"),
        ("sort=flow", "e", "3 of 6 waiting", "b", "c"),
        ("sort=task&flow=payments", "d", "2 of 3 in your list", "f", "b"),
        ("status=failed", "e", "1 of 2 in your list", "f", ""),
        ("show=all", "c", "4 of 6 in your list", "b", "d"),
        ("q=payments", "d", "2 of 3 in your list", "f", "b"),
        ("status=nonsense", "c", "3 of 6 waiting", "d", "b"),
    ],
)
def test_next_and_previous_are_of_that_list(
    tenant: Tenant, queue: dict[str, TaskExecution], list_: str, task: str, said: str, following: str, before: str
) -> None:
    ids = [str(queue[name].id) if name else "" for name in (following, before)]
    assert place(tenant, queue[task], list_) == (said, *ids)


def test_far_from_the_ends_it_counts_no_further(
    tenant: Tenant, queue: dict[str, TaskExecution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tags.review.queue.COUNTED", 2)
    assert place(tenant, queue["b"]) == ("2 of 4+ waiting", str(queue["c"].id), str(queue["a"].id))
    assert place(tenant, queue["d"])[0] == "5+ waiting"
    assert place(tenant, queue["f"]) == ("3+ waiting", str(queue["a"].id), str(queue["e"].id))

"""The activity: what happened, newest first, grouped, filtered, and paged back to the beginning."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.credentials import caller_of_user
from tags.actions.decisions import Task, decide, undo
from tags.actions.flow_executions import delete_flow_execution
from tags.models import SYSTEM, DecisionKind, FlowExecution
from tags.models.ids import uuid7
from tags.review import activity_query
from tests.api.calls import position
from tests.cast import Tenant
from tests.review.pages import browser, text


def lines(page: str) -> list[str]:
    """What each line says, without its links and markup."""
    found = re.findall(r'<p class="what">(.*?)</p>', page, re.DOTALL)
    return [re.sub(r"\s+([,.])", r"\1", " ".join(re.sub(r"<[^>]+>", " ", line).split())) for line in found]


def see(tenant: Tenant, query: str = "", who: str = "reviewer") -> list[str]:
    response = browser(tenant, who).get(f"/activity{query}")
    assert response.status_code == 200
    return lines(text(response))


def waiting(tenant: Tenant, count: int, flow_name: str = "invoices") -> tuple[FlowExecution, list[Task]]:
    """So many tasks of a run that wait."""
    execution = tenant.execution(*[f"task {number}" for number in range(count)], flow_name=flow_name)
    tasks = [(execution.id, f"task {number}") for number in range(count)]
    add = [Operation(OperationKind.ADD, *task, "pending_approval", "review") for task in tasks]
    apply_batch(add, SYSTEM, tenant.id)
    return execution, tasks


def test_a_bulk_decision_is_one_line_that_opens(tenant: Tenant) -> None:
    execution, tasks = waiting(tenant, 60)
    group, reviewer = uuid7(), caller_of_user(tenant.reviewer.id, tenant.id, "")
    decide(reviewer, DecisionKind.APPROVE, tasks[:30], group_id=group)
    decide(caller_of_user(tenant.admin.id, tenant.id, ""), DecisionKind.FLAG, tasks[:1], "why?")
    decide(reviewer, DecisionKind.APPROVE, tasks[30:], group_id=group)
    client = browser(tenant)
    page = text(client.get("/activity"))
    assert lines(page) == [
        "you approved 60 tasks invoices",
        f"{tenant.admin.username} flagged task 0 invoices",
        "Tagsite began a run, reported 60 tasks, added 60 tags invoices",
    ]
    assert "why?" in page
    assert f'href="/runs/{execution.id}"' in page
    path = re.search(r'<a href="(/activity/changes[^"]+)"', page)[1].replace("&amp;", "&")
    first = text(client.get(path, headers={"HX-Request": "true"}))
    assert first.count("<li") == 101
    rest = re.search(r'href="([^"]+before=\d+)"', first)[1].replace("&amp;", "&")
    both = first + text(client.get(rest, headers={"HX-Request": "true"}))
    assert {f">task {number}</a>" in both for number in range(60)} == {True}
    assert "requires_attention" not in both


def test_what_was_taken_back_says_so(tenant: Tenant) -> None:
    _, tasks = waiting(tenant, 1)
    reviewer = caller_of_user(tenant.reviewer.id, tenant.id, "")
    undo(reviewer, decide(reviewer, DecisionKind.REJECT, tasks).group_id)
    assert see(tenant, "?type=decisions") == [
        "you took back a decision about task 0 invoices",
        "you rejected task 0 invoices taken back",
    ]


@pytest.fixture
def busy(tenant: Tenant) -> dict[str, Any]:
    """Two flows, a decision in each, a tag of a program, and a run that is deleted."""
    reviewer = caller_of_user(tenant.reviewer.id, tenant.id, "")
    admin = caller_of_user(tenant.admin.id, tenant.id, "")
    invoices, of_invoices = waiting(tenant, 2)
    _, of_contracts = waiting(tenant, 2, "contracts")
    decide(reviewer, DecisionKind.APPROVE, of_invoices[:1])
    decide(admin, DecisionKind.REJECT, of_contracts[:1])
    apply_batch([Operation(OperationKind.ADD, *of_invoices[1], "rare", "label")], SYSTEM, tenant.id)
    deleted = tenant.execution(flow_name="old")
    delete_flow_execution(tenant.id, SYSTEM, deleted.id)
    return {"tenant": tenant, "run": invoices.id}


def test_it_is_filtered(busy: dict[str, Any]) -> None:
    tenant = busy["tenant"]
    admin = tenant.admin.username
    approved, rejected = "you approved task 0 invoices", f"{admin} rejected task 0 contracts"
    assert see(tenant, "?type=decisions") == [rejected, approved]
    assert see(tenant, "?type=decisions&flow=invoices") == [approved]
    assert see(tenant, f"?actor=user:{tenant.admin.id}") == [rejected]
    assert see(tenant, f"?actor=user:{tenant.admin.id}&flow=invoices") == []
    assert see(tenant, "?tag=rare") == ["Tagsite added rare task 1 invoices"]
    assert see(tenant, f"?tag=approved&actor=user:{tenant.reviewer.id}") == [approved]
    assert see(tenant, "?type=runs&flow=old") == ["Tagsite began a run, changed a run old (deleted)"]
    assert see(tenant, f"?run={busy['run']}&type=tags") == [
        "Tagsite added rare task 1 invoices",
        approved,
        "Tagsite added 2 tags invoices",
    ]
    today, tomorrow = datetime.now(UTC).date(), datetime.now(UTC).date() + timedelta(days=1)
    assert see(tenant, f"?type=decisions&since={today - timedelta(days=1)}&until={tomorrow}") == [rejected, approved]
    assert see(tenant, f"?until={today - timedelta(days=2)}") == []
    assert see(tenant, f"?since={tomorrow}") == []


@pytest.mark.parametrize(
    "query", ["type=x", "run=1", "before=0", "before=9999999999999999999", "since=never", "tag=%00", "until=0001-01-01"]
)
def test_a_filter_that_is_none_is_named(tenant: Tenant, query: str) -> None:
    response = browser(tenant).get(f"/activity?{query}")
    assert response.status_code == 200
    assert 'role="alert"' in text(response)
    assert browser(tenant).get(f"/activity/news?after=0&{query}").status_code == 400
    assert browser(tenant).get(f"/activity/changes?{query}").status_code == 404


@pytest.mark.parametrize("looked_at", [7, 2_000])
def test_paging_leads_back_to_the_beginning(tenant: Tenant, looked_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change once, whatever one look goes back over, and whatever happens meanwhile."""
    monkeypatch.setattr(activity_query, "LOOKED_AT", looked_at)
    reviewer = caller_of_user(tenant.reviewer.id, tenant.id, "")
    names = []
    for number in range(42):
        _, tasks = waiting(tenant, 1, f"flow {number}")
        decide(reviewer, DecisionKind.APPROVE, tasks)
        names.append(f"flow {number}")
    client, path, seen, looks = browser(tenant), "/activity?type=decisions", [], 0
    while path:
        page = text(client.get(path, headers={"HX-Request": "true"}))
        seen += lines(page)
        following = re.search(r'href="([^"]+before=\d+)"', page)
        path = following[1].replace("&amp;", "&") if following else ""
        looks += 1
        waiting(tenant, 1, "meanwhile")
    assert seen == [f"you approved task 0 {name}" for name in reversed(names)]
    assert looks > (1 if looked_at > 7 else 20)


def test_what_is_new_is_counted(busy: dict[str, Any]) -> None:
    tenant, client = busy["tenant"], browser(busy["tenant"])
    after = position(tenant)
    assert client.get(f"/activity/news?after={after}").json() == {"count": 0}
    _, tasks = waiting(tenant, 3, "fresh")
    decide(caller_of_user(tenant.reviewer.id, tenant.id, ""), DecisionKind.APPROVE, tasks)
    assert client.get(f"/activity/news?after={after}").json() == {"count": 2}
    assert client.get(f"/activity/news?after={after}&type=decisions").json() == {"count": 1}
    assert client.get(f"/activity/news?after={after}&flow=contracts").json() == {"count": 0}


def test_the_number_of_statements_is_fixed(busy: dict[str, Any]) -> None:
    client = browser(busy["tenant"])

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/activity")
        return len(asked)

    few = count()
    for _ in range(20):
        waiting(busy["tenant"], 2)
    assert count() == few <= 22


def test_every_member_sees_it_and_nobody_else(busy: dict[str, Any], neighbour: Tenant) -> None:
    assert len(see(busy["tenant"], who="viewer")) == len(see(busy["tenant"])) > 4
    assert see(neighbour) == []
    assert see(neighbour, f"?run={busy['run']}") == []
    changes = f"/activity/changes?newest=99&oldest=1&key={busy['run']}&actor=system&row=1"
    assert "<li" not in text(browser(neighbour).get(changes, headers={"HX-Request": "true"}))
    assert "<li" in text(browser(busy["tenant"]).get(changes, headers={"HX-Request": "true"}))


def test_nothing_has_happened_yet(tenant: Tenant) -> None:
    page = text(browser(tenant).get("/activity"))
    assert "Nothing has happened yet" in page
    assert " style=" not in page

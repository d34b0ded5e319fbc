"""What narrows the inbox, what its figures tell of a choice, and all that match one."""

import re
from datetime import timedelta

import psycopg
import pytest

from tags.models import FlowExecution
from tests.cast import Tenant, operation
from tests.review.inbox import desk, figures, listed, many, names, page, wait


def age(owner: psycopg.Connection, execution: FlowExecution, by: timedelta) -> None:
    owner.execute("UPDATE task_tag SET created_at = created_at - %s WHERE flow_execution_id = %s", [by, execution.id])


@pytest.fixture(scope="module")
def mixed(owner: psycopg.Connection) -> Tenant:
    """Waiting tasks that differ in everything; no test changes them."""
    tenant = Tenant.create()
    age(owner, wait(tenant, "old", flow="payments"), timedelta(days=9))
    age(owner, wait(tenant, "week", tag="requires_review"), timedelta(days=3))
    age(owner, wait(tenant, "day", tag="requires_attention", tag_type="alert"), timedelta(hours=5))
    execution = wait(tenant, "now")
    tenant.task(
        execution, "broken", processing_status="failed", input={"file": "a.pdf"}, error={"message": "Ärger 100%"}
    )
    tenant.api("reviewer").tag(operation("add", execution, "broken", "pending_approval"))
    tenant.api().tag(operation("add", execution, "broken", "urgent"))
    tenant.task(execution, "tagless")
    return tenant


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["old", "week", "day", "now", "broken"]),
        ("?sort=newest", ["broken", "now", "day", "week", "old"]),
        ("?sort=task", ["broken", "day", "now", "old", "week"]),
        ("?sort=flow", ["week", "day", "now", "broken", "old"]),
        ("?flow=payments", ["old"]),
        ("?flow=no+such+flow", []),
        ("?task=now", ["now"]),
        ("?status=failed", ["broken"]),
        ("?tag=pending_approval", ["old", "now", "broken"]),
        ("?tag=urgent", ["broken"]),
        ("?tag=no+such+tag", []),
        ("?tag_type=alert", ["day"]),
        ("?age=hour", ["now", "broken"]),
        ("?age=day", ["day", "now", "broken"]),
        ("?age=week", ["week", "day", "now", "broken"]),
        ("?age=older", ["old"]),
        ("?actor=integration", ["old", "week", "day", "now"]),
        ("?tag=pending_approval&status=completed&flow=invoices", ["now"]),
        ("?q=BROK", ["broken"]),
        ("?q=payments", ["old"]),
        ("?q=a.pdf", ["broken"]),
        ("?q=%C3%A4rger+100%25", ["broken"]),
        ("?q=_", []),
        ("?show=all&tag=urgent", ["broken"]),
        ("?show=all&tag=-", ["tagless"]),
        ("?show=all&status=failed", ["broken"]),
        ("?show=all&flow=payments", ["old"]),
        ("?show=all&q=tagl", ["tagless"]),
    ],
)
def test_filters_and_orders(mixed: Tenant, query: str, expected: list[str]) -> None:
    assert names(mixed, query) == expected


def test_all_tasks_are_the_newest_first(mixed: Tenant) -> None:
    assert names(mixed, "?show=all") == ["tagless", "broken", "now", "day", "week", "old"]
    assert names(mixed, "?show=all&sort=oldest") == ["old", "week", "day", "now", "broken", "tagless"]


def test_who_put_it_there_is_asked_for_by_id(mixed: Tenant) -> None:
    assert names(mixed, f"?actor={mixed.reviewer.id}") == ["broken"]


def test_figures_tell_what_a_choice_would_show(mixed: Tenant) -> None:
    assert figures(page(mixed)) == {
        "pending_approval": "3",
        "requires_review": "1",
        "requires_attention": "1",
        "invoices": "4",
        "payments": "1",
        "Completed": "4",
        "Failed": "1",
    }
    assert figures(page(mixed, "?flow=payments")) == {
        "pending_approval": "1",
        "requires_review": "0",
        "requires_attention": "0",
        "invoices": "4",
        "payments": "1",
        "Completed": "1",
    }


def test_each_choice_shows_as_many_as_it_says(mixed: Tenant) -> None:
    html = page(mixed, "?age=week")
    links = re.findall(
        r'<a href="(\?[^"]*)"[^>]*>\s*<span class="name[^>]*>[^<]*</span>\s*<span class="figure">(\d+)</span>', html
    )
    assert len(links) >= 5
    for query, figure in links:
        assert len(names(mixed, query.replace("&amp;", "&"))) == int(figure)


def test_a_search_finds_what_json_writes_in_another_way(tenant: Tenant) -> None:
    execution = tenant.execution()
    tenant.task(execution, "quoted", output={"text": 'she said "no"\\never'})
    tenant.api().tag(operation("add", execution, "quoted", "pending_approval"))
    assert names(tenant, "?q=said+%22no%22%5Cnever") == ["quoted"]


@pytest.mark.parametrize(
    "query",
    [
        "?status=nonsense",
        "?age=yesterday",
        "?sort=random",
        "?show=some",
        "?cursor=nonsense",
        "?cursor=W10",
        "?cursor=ey8",
        "?q=" + "x" * 201,
        "?q=%00",
        "?tag=a%00b",
        "?flow=" + "x" * 201,
        "?tag=-",
        "?show=all&sort=task",
        "?show=all&actor=x",
    ],
)
def test_what_is_not_understood_is_told(tenant: Tenant, query: str) -> None:
    wait(tenant, "first")
    html = page(tenant, query)
    assert 'role="alert"' in html
    assert listed(html) == []
    assert desk(tenant).get(f"/inbox/matching{query}").status_code == 400


def test_all_that_match_are_the_listed_ones(mixed: Tenant) -> None:
    for query in ("", "?tag=pending_approval", "?q=broken", "?show=all&tag=-"):
        answer = desk(mixed).get(f"/inbox/matching{query}").json()
        assert [task["task_name"] for task in answer["tasks"]] == names(mixed, query)
        assert answer["more"] is False


def test_all_that_match_are_bounded(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.review.inbox_query.MOST_SELECTED", 60)
    many(tenant, 70)
    answer = desk(tenant).get("/inbox/matching").json()
    assert (len(answer["tasks"]), answer["more"]) == (60, True)

"""The inbox: what waits, what narrows it, and that no page of it leaves something out."""

import re
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tags.models import FlowExecution
from tests.cast import Tenant, operation
from tests.clients import Client
from tests.review.inbox import desk, every_page, listed, many, names, next_page, page, wait

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7 }}</script>"


def figures(html: str) -> dict[str, str]:
    """Of the choices: name and how many."""
    found = re.findall(r'<span class="name[^>]*>([^<]*)</span>\s*<span class="figure">([^<]*)</span>', html)
    return dict(found)


def total(html: str) -> str:
    found = re.search(r'<span id="total"[^>]*>([^<]*)</span>', html)
    return found[1] if found else ""


def age(owner: psycopg.Connection, execution: FlowExecution, by: timedelta) -> None:
    owner.execute("UPDATE task_tag SET created_at = created_at - %s WHERE flow_execution_id = %s", [by, execution.id])


# What waits


def test_it_lists_what_waits_the_oldest_first(tenant: Tenant) -> None:
    tenant.execution("done")
    wait(tenant, "first")
    wait(tenant, "second", tag="requires_review")
    wait(tenant, "other", tag="approved")
    html = page(tenant)
    assert listed(html) == ["first", "second"]
    assert "invoices" in html
    assert "completed" in html


def test_a_task_with_several_waiting_tags_is_listed_once_at_the_oldest(tenant: Tenant) -> None:
    execution = wait(tenant, "first")
    wait(tenant, "second")
    tenant.api().tag(operation("add", execution, "first", "requires_review"))
    tenant.api().tag(operation("add", execution, "first", "pending_approval", tag_metadata={"why": "again"}))
    assert names(tenant) == ["first", "second"]
    assert names(tenant, "?sort=newest") == ["second", "first"]


def test_the_newest_run_of_a_task_is_shown(tenant: Tenant) -> None:
    execution = wait(tenant, "extract")
    run = tenant.task(execution, "extract", 1, processing_status="failed", error={"message": "out of paper"})
    html = page(tenant)
    assert listed(html) == ["extract"]
    assert f"/tasks/{run.id}" in html
    assert "out of paper" in html
    assert "run 2" in html


def test_the_row_tells_what_was_noted(tenant: Tenant) -> None:
    execution = tenant.execution()
    tenant.task(execution, "extract", output={"total": 118.5, "currency": "EUR"})
    tenant.api().tag(operation("add", execution, "extract", "pending_approval", tag_metadata={"why": "below 0.8"}))
    tenant.api("reviewer").tag(operation("add", execution, "extract", "requires_review", tag_metadata={"note": "Look"}))
    html = page(tenant)
    for words in ("118.5", "EUR", "below 0.8", "Look", "integration", "you"):
        assert words in html


def test_a_large_output_is_not_read_for_a_line(tenant: Tenant) -> None:
    execution = tenant.execution()
    tenant.task(execution, "extract", output={"pages": [uuid4().hex for _ in range(5000)]})
    tenant.api().tag(operation("add", execution, "extract", "pending_approval"))
    html = page(tenant)
    assert "Too large for a preview" in html
    assert len(html) < 100_000


def test_deleted_flow_executions_do_not_wait(tenant: Tenant) -> None:
    execution = wait(tenant, "gone")
    wait(tenant, "here")
    tenant.api("admin").delete(f"/api/flow-executions/{execution.id}")
    assert names(tenant) == ["here"]
    assert names(tenant, "?show=all") == ["here"]
    assert figures(page(tenant))["pending_approval"] == "1"


def test_a_neighbour_never_shows(tenant: Tenant, neighbour: Tenant) -> None:
    wait(neighbour, "foreign", flow="foreign flow")
    wait(tenant, "own")
    for query in (
        "",
        "?show=all",
        "?q=foreign",
        "?task=foreign",
        "?flow=foreign+flow",
        "?show=all&tag=pending_approval",
    ):
        html = page(tenant, query)
        assert "foreign" not in "".join(listed(html))
        assert figures(html).get("foreign flow", "") in ("", "0")
    found = desk(tenant).get("/inbox/matching").json()["tasks"]
    assert [task["task_name"] for task in found] == ["own"]


def test_the_tags_of_a_neighbours_task_are_not_told(tenant: Tenant, neighbour: Tenant) -> None:
    execution = wait(neighbour, "foreign")
    tasks = [{"flow_execution_id": str(execution.id), "task_name": "foreign"}]
    body = {"tasks": tasks, "tag": "pending_approval", "tag_type": "review"}
    own = desk(neighbour).post("/inbox/tags", body, content_type="application/json")
    assert len(own.json()["tags"]) == 1
    assert desk(tenant).post("/inbox/tags", body, content_type="application/json").json() == {"tags": []}


def test_a_viewer_reads_and_decides_nothing(tenant: Tenant) -> None:
    wait(tenant, "first")
    html = page(tenant, who="viewer")
    assert listed(html) == ["first"]
    assert "data-kind" not in html
    assert 'type="checkbox"' not in html
    assert "data-kind" in page(tenant)


def test_who_is_not_logged_in_is_sent_to_the_log_in() -> None:
    response = Client().get("/")
    assert (response.status_code, response["Location"]) == (302, "/log-in?next=/")


def test_hostile_names_are_text(tenant: Tenant) -> None:
    execution = tenant.execution(flow_name=HOSTILE)
    tenant.task(execution, HOSTILE, output={HOSTILE: HOSTILE})
    tenant.api().tag(operation("add", execution, HOSTILE, "requires_review", tag_metadata={"note": HOSTILE}))
    tenant.api().tag(operation("add", execution, HOSTILE, HOSTILE, tag_type=HOSTILE))
    for query in ("", "?show=all", f"?q={'%3Cimg'}", "?tag=%3Cimg%20src%3Dx%3E&flow=%3Cb%3E&actor=%3Cb%3E"):
        html = page(tenant, query)
        assert "<img src=x" not in html
        assert "<b>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in page(tenant)


# Filters


@pytest.fixture
def mixed(tenant: Tenant, owner: psycopg.Connection) -> Tenant:
    """Waiting tasks that differ in everything."""
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


# Pages


@pytest.mark.parametrize(
    "query", ["", "?sort=newest", "?sort=task", "?sort=flow", "?show=all", "?show=all&sort=oldest"]
)
def test_pages_have_everything_once(tenant: Tenant, query: str) -> None:
    many(tenant, 130)
    seen = every_page(tenant, query)
    assert sorted(seen) == [f"task {number:03}" for number in range(130)]


@pytest.mark.parametrize("query", ["", "?sort=newest", "?sort=task"])
def test_what_comes_meanwhile_moves_no_page(tenant: Tenant, query: str) -> None:
    execution = many(tenant, 120)
    tenant.api().tag(*(operation("add", execution, f"task {number:03}", "requires_review") for number in range(60)))
    html = page(tenant, query)
    seen = listed(html)
    while following := next_page(html):
        wait(tenant, *(f"late {uuid4().hex}" for _ in range(20)))
        tenant.api().tag(*(operation("remove", execution, name, "pending_approval") for name in seen[:5]))
        html = page(tenant, following)
        seen += listed(html)
        if len(seen) > 400:
            break
    early = [name for name in seen if name.startswith("task")]
    once = set(early)
    assert once == {f"task {number:03}" for number in range(120)}
    late = [name for name in seen if name.startswith("late")]
    assert len(late) == len(set(late))


def test_figures_are_cut_and_say_so(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.review.inbox_counts.COUNTED", 80)
    many(tenant, 100)
    wait(tenant, "other", tag="requires_review", flow="others")
    html = page(tenant)
    assert figures(html)["pending_approval"] == "80+"
    assert total(html) == "81+"
    assert total(page(tenant, "?flow=others")) == "1"


def statements(tenant: Tenant, query: str) -> int:
    client = desk(tenant)
    client.get("/")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"/{query}").status_code == 200
    return len(captured)


@pytest.mark.parametrize("query", ["", "?q=task", "?show=all", "?flow=invoices&status=completed"])
def test_the_number_of_statements_does_not_grow(tenant: Tenant, query: str) -> None:
    execution = many(tenant, 1)
    few = statements(tenant, query)
    more = many(tenant, 200)
    tenant.api().tag(*(operation("add", more, f"task {number:03}", f"tag {number}") for number in range(100)))
    tenant.task(execution, "task 000", 1)
    assert statements(tenant, query) == few <= 16


# All that match


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


def test_an_empty_inbox_teaches(tenant: Tenant) -> None:
    html = page(tenant)
    assert "Nothing waits for you" in html
    assert all(tag in html for tag in ("pending_approval", "requires_review", "requires_attention"))
    assert "Nothing matches" in page(tenant, "?task=x")
    assert "Clear all filters" in page(tenant, "?task=x")
    assert "No tasks yet" in page(tenant, "?show=all")

"""The inbox: what waits for a person."""

from uuid import uuid4

from tests.cast import Tenant, operation
from tests.clients import Client
from tests.review.inbox import desk, figures, listed, names, page, wait

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7 }}</script>"


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


def test_an_empty_inbox_teaches(tenant: Tenant) -> None:
    html = page(tenant)
    assert "Nothing waits for you" in html
    assert all(tag in html for tag in ("pending_approval", "requires_review", "requires_attention"))
    assert "Nothing matches" in page(tenant, "?task=x")
    assert "Clear all filters" in page(tenant, "?task=x")
    assert "No tasks yet" in page(tenant, "?show=all")

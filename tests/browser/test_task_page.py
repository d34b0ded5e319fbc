"""The page of a task in a real browser: decide by keys, beside others who do the same."""

import json
from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tags.models import FlowExecution, TaskExecution
from tests.browser.people import forgive, log_in, server_away
from tests.cast import Tenant, operation
from tests.clients import Client
from tests.live.conftest import LiveServer
from tests.review.pages import stored


def waiting(tenant: Tenant, *names: str) -> list[TaskExecution]:
    """Tasks that wait, the first the longest."""
    execution = tenant.execution()
    records = []
    for name in names:
        records.append(tenant.task(execution, name, output={"total": 1, "of": name}))
        tenant.api().tag(operation("add", execution, name, "pending_approval"))
    return records


def tags(tenant: Tenant, record: TaskExecution) -> dict[str, object]:
    query = {"flow_execution_id": str(record.flow_execution_id), "task_name": record.task_name}
    return {tag["tag"]: tag["tag_metadata"] for tag in tenant.api().get("/api/task-tags", **query).json()}


def open_task(page: Page, tenant: Tenant, record: TaskExecution, who: str = "reviewer") -> None:
    log_in(page, tenant, f"/tasks/{record.id}", who)
    at_task(page, record.task_name)


def at_task(page: Page, name: str) -> None:
    """The page shows it and listens for keys."""
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("time[title]").first).to_be_attached()


def test_deciding_by_keys_goes_from_task_to_task(page: Page, tenant: Tenant) -> None:
    first, second, third = waiting(tenant, "one", "two", "three")
    open_task(page, tenant, first)
    for key, name in (("a", "two"), ("r", "three")):
        page.keyboard.press(key)
        at_task(page, name)
    assert page.url.endswith(f"/tasks/{third.id}")
    page.keyboard.press("a")
    expect(page.get_by_text("Nothing else waits")).to_be_visible()
    assert tags(tenant, first) == {"approved": None}
    assert tags(tenant, second) == {"rejected": None}
    assert tags(tenant, third) == {"approved": None}


def test_a_flag_leaves_the_task_waiting(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    page.keyboard.press("f")
    at_task(page, "two")
    assert tags(tenant, first) == {"pending_approval": None, "requires_attention": None}


def test_a_decision_is_taken_back_and_its_task_is_there_again(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    page.keyboard.press("a")
    at_task(page, "two")
    expect(page.locator("#notices").get_by_role("button", name="Undo")).to_be_visible()
    page.keyboard.press("u")
    at_task(page, "one")
    assert tags(tenant, first) == {"pending_approval": None}
    page.keyboard.press("r")
    at_task(page, "two")
    page.locator("#notices").get_by_role("button", name="Undo").click()
    at_task(page, "one")
    assert tags(tenant, first) == {"pending_approval": None}


def test_the_way_back_of_the_browser_works(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    page.keyboard.press("a")
    at_task(page, "two")
    page.go_back()
    at_task(page, "one")
    expect(page.locator("#verdict")).to_contain_text("by you")


def test_a_note_survives_a_reload_and_is_sent_with_the_decision(page: Page, tenant: Tenant) -> None:
    first, second = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    page.keyboard.press("n")
    page.keyboard.type("a rather <b>long</b> note")
    page.reload()
    at_task(page, "one")
    expect(page.get_by_label("Note")).to_have_value("a rather <b>long</b> note")
    page.keyboard.press("j")
    at_task(page, "two")
    expect(page.get_by_label("Note")).to_have_value("")
    page.keyboard.press("k")
    at_task(page, "one")
    page.keyboard.press("r")
    at_task(page, "two")
    assert tags(tenant, first) == {"rejected": {"note": "a rather <b>long</b> note"}}
    assert tags(tenant, second) == {"pending_approval": None}
    page.goto(f"/tasks/{first.id}")
    at_task(page, "one")
    expect(page.get_by_label("Note")).to_have_value("")
    expect(page.locator("#tags blockquote")).to_have_text("a rather <b>long</b> note")


def test_keys_in_the_note_are_letters(page: Page, tenant: Tenant) -> None:
    (first,) = waiting(tenant, "one")
    open_task(page, tenant, first)
    page.keyboard.press("n")
    page.keyboard.type("arf")
    expect(page.get_by_label("Note")).to_have_value("arf")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Note")).not_to_be_focused()
    assert tags(tenant, first) == {"pending_approval": None}


def test_what_somebody_else_decides_has_to_be_seen_first(page: Page, other: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    open_task(other, tenant, first, "admin")
    page.keyboard.press("n")
    page.keyboard.type("mine")
    page.keyboard.press("Escape")
    expect(other.locator("#people[data-read]")).to_be_visible()
    other.keyboard.press("r")
    at_task(other, "two")
    other.close()
    expect(page.get_by_text("Somebody else has decided this meanwhile.")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text(f"by {tenant.admin.username}")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    page.keyboard.press("a")
    expect(page.get_by_label("Note")).to_have_value("mine")
    assert tags(tenant, first) == {"rejected": None}
    page.get_by_role("button", name="Decide anyway").click()
    page.keyboard.press("a")
    at_task(page, "two")
    assert tags(tenant, first) == {"approved": {"note": "mine"}}


def test_without_a_line_it_asks_before_it_decides(
    context: BrowserContext, page: Page, tenant: Tenant, troubles: list[str]
) -> None:
    (first,) = waiting(tenant, "one")
    page.route_web_socket("**/ws/events", lambda socket: socket.close())
    open_task(page, tenant, first)
    decision = {"kind": "reject", "tasks": [{"flow_execution_id": str(first.flow_execution_id), "task_name": "one"}]}
    decide_as_admin(tenant, decision)
    page.keyboard.press("a")
    expect(page.get_by_text("Somebody else has decided this meanwhile.")).to_be_visible()
    assert tags(tenant, first) == {"rejected": None}
    forgive(troubles, "WebSocket")


def decide_as_admin(tenant: Tenant, decision: dict[str, object]) -> None:
    client = Client()
    client.force_login(tenant.admin)
    assert client.post("/decisions", json.dumps(decision), content_type="application/json").status_code == 200


def test_a_server_that_dies_loses_nothing(page: Page, live: LiveServer, tenant: Tenant, troubles: list[str]) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    page.keyboard.press("n")
    page.keyboard.type("kept")
    page.keyboard.press("Escape")
    with server_away(live, troubles):
        page.keyboard.press("a")
        expect(page.get_by_text("The server cannot be reached").first).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    expect(page.get_by_label("Note")).to_have_value("kept")
    at_task(page, "one")
    page.keyboard.press("a")
    at_task(page, "two")
    assert tags(tenant, first) == {"approved": {"note": "kept"}}
    forgive(troubles, "net::ERR_")
    forgive(troubles, "WebSocket connection to")


def test_an_answer_that_is_lost_is_no_second_decision(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    """Killed after the commit: the decision holds, and the person who tries again simply goes on."""
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)

    def lose(route: object) -> None:
        route.fetch()
        route.abort()

    page.get_by_label("Note").fill("kept")
    page.get_by_label("Note").press("Escape")
    page.route("**/decisions", lose, times=1)
    page.keyboard.press("a")
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("kept")
    page.keyboard.press("a")
    at_task(page, "two")
    assert tags(tenant, first) == {"approved": {"note": "kept"}}
    forgive(troubles, "net::ERR_")


def test_an_output_is_corrected(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    (first,) = waiting(tenant, "one")
    open_task(page, tenant, first)
    page.keyboard.press("e")
    field = page.get_by_label("Output, as JSON")
    field.fill('{"total": 0.1000000000000000055')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 1, column")
    forgive(troubles, "status of 422")
    field.press("End")
    field.type("}")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator(".difference .added")).to_contain_text("0.1000000000000000055")
    page.get_by_role("button", name="Save").click()
    at_task(page, "one")
    expect(page.locator("#output-value")).to_contain_text("0.1000000000000000055")
    expect(page.locator("#history")).to_contain_text("output corrected")
    assert stored(tenant, first.id).output == {"total": Decimal("0.1000000000000000055")}


def test_two_corrections_lose_neither(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    (first,) = waiting(tenant, "one")
    log_in(page, tenant, f"/tasks/{first.id}/correct")
    page.get_by_label("Output, as JSON").fill('{"total": 3}')
    record = {"id": str(first.id), "output": {"total": 2}}
    assert tenant.api("admin").put("/api/task-executions", record).status_code == 200
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text(f"{tenant.admin.username} changed this task")
    expect(page.get_by_label("Yours, as JSON")).to_have_value('{"total": 3}')
    expect(page.get_by_label("Stored, by")).to_have_value('{\n  "total": 2\n}')
    assert stored(tenant, first.id).output == {"total": 2}
    page.get_by_role("button", name="Save mine over it").click()
    at_task(page, "one")
    assert stored(tenant, first.id).output == {"total": 3}
    forgive(troubles, "status of 409")


def test_a_correction_survives_the_tab(page: Page, tenant: Tenant) -> None:
    (first,) = waiting(tenant, "one")
    log_in(page, tenant, f"/tasks/{first.id}/correct")
    page.get_by_label("Output, as JSON").fill('{"total": ')
    page.goto("/live")
    page.goto(f"/tasks/{first.id}/correct")
    expect(page.get_by_label("Output, as JSON")).to_have_value('{"total": ')
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_label("Output, as JSON")).to_have_value('{\n  "of": "one",\n  "total": 1\n}')


def test_a_tag_is_added_and_taken_back(page: Page, tenant: Tenant) -> None:
    (first,) = waiting(tenant, "one")
    open_task(page, tenant, first)
    page.get_by_text("Add a tag").click()
    page.get_by_label("Tag", exact=True).fill("checked")
    page.get_by_label("Metadata").fill('{"by": "hand"}')
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#tags")).to_contain_text("checked")
    assert tags(tenant, first)["checked"] == {"by": "hand"}
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.locator("#tags")).not_to_contain_text("checked")
    assert "did=" not in page.url


def test_on_paper_the_name_comes_first_and_nothing_is_to_press(page: Page, tenant: Tenant) -> None:
    (first,) = waiting(tenant, "one")
    open_task(page, tenant, first)
    page.emulate_media(media="print")
    tops = [page.locator(part).bounding_box() for part in ("h1", "#tags", "#output-value", "#history")]
    assert [top["y"] for top in tops if top] == sorted(top["y"] for top in tops if top)
    expect(page.get_by_role("button")).to_have_count(0)


def test_large_values_come_in_parts(page: Page, tenant: Tenant) -> None:
    record = tenant.task(tenant.execution(), "large", output={"list": [f"member {n}" for n in range(10_000)]})
    open_task(page, tenant, record)
    output = page.locator("#output-value")
    output.get_by_text("10000 items").click()
    expect(output.get_by_text("member 49")).to_be_visible()
    output.get_by_role("link", name="Show more (9950 left)").click()
    expect(output.get_by_text("member 99", exact=True)).to_be_visible()
    expect(output.get_by_role("link", name="Show more (9900 left)")).to_be_visible()
    page.locator("a[data-raw=output-value]").click()
    expect(output.locator(".whole-json")).to_contain_text('"member 9999"')


def test_a_viewer_reads(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first, "viewer")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.keyboard.press("a")
    page.keyboard.press("e")
    page.keyboard.press("j")
    at_task(page, "two")
    assert tags(tenant, first) == {"pending_approval": None}


def test_a_run_announces_new_tasks_and_shows_their_tags_as_they_come(page: Page, tenant: Tenant) -> None:
    (first,) = waiting(tenant, "one")
    log_in(page, tenant, f"/runs/{first.flow_execution_id}")
    link = page.get_by_role("link", name="one")
    link.focus()
    tenant.task(FlowExecution(id=first.flow_execution_id), "two", processing_status="running")
    expect(page.locator("#news")).to_be_visible()
    expect(link).to_be_focused()
    page.locator("#news").click()
    expect(page.get_by_role("link", name="two")).to_be_visible()
    tenant.api().tag(operation("add", first.flow_execution_id, "two", "requires_review"))
    expect(page.locator(".run-tags .waits")).to_have_count(2)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge_of_the_screen(page: Page, tenant: Tenant, width: int) -> None:
    name = "x" * 200
    execution = tenant.execution(flow_name="f" * 200)
    value = {name: name, "table": [{"a" * 50: "b" * 150, "c": 1}] * 3, "text": "y" * 3_000}
    record = tenant.task(execution, name, input=value, output=value, error={"message": name, "stackTrace": name * 9})
    tenant.api().tag(operation("add", execution, name, "y" * 200, tag_type="z" * 100, tag_metadata={name: name}))
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page, tenant, f"/tasks/{record.id}")
    for path in (f"/tasks/{record.id}", f"/tasks/{record.id}/correct", f"/runs/{execution.id}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_all_is_reached_with_the_keyboard(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    wanted = page.evaluate(
        "[...document.querySelectorAll('main :is(a, button, summary, textarea, input:not([type=hidden]))')]"
        ".filter(one => one.checkVisibility()).length"
    )
    page.locator("#main").focus()
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(() => { const one = document.activeElement; if (!one.closest('main')) return -1;"
                " if (getComputedStyle(one).outlineStyle === 'none') throw new Error(one.outerHTML);"
                " return [...document.querySelectorAll('*')].indexOf(one) })()"
            )
        )
    assert len(reached - {-1}) >= wanted

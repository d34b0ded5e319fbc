"""The inbox in a real browser: a day's work by keys alone, and in bulk."""

import re

import httpx
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.inbox import TASK, expect_current, open_inbox, press, queue, row, tags
from tests.cast import Tenant, operation
from tests.live.conftest import LiveServer


def test_a_log_in_leads_to_the_inbox(page: Page, tenant: Tenant) -> None:
    queue(tenant, 1)
    page.goto("/log-in")
    page.get_by_label("User name").fill(tenant.reviewer.username)
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title(re.compile(r"Inbox · Tagsite"))
    expect(row(page, "task 000")).to_be_visible()


def test_a_queue_of_fifty_is_cleared_by_keys_alone(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 50)
    open_inbox(page, tenant)
    expect(page.locator(TASK)).to_have_count(50)
    press(page, "j")
    for number in range(50):
        expect_current(page, f"task {number:03}")
        press(page, "r" if number % 10 == 3 else "a")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    expect(page.locator("#total")).to_have_text("0")
    found = tags(tenant, execution)
    assert [name for name, of in sorted(found.items()) if of == {"rejected"}] == [
        f"task {n:03}" for n in range(3, 50, 10)
    ]
    assert sum(of == {"approved"} for of in found.values()) == 45


def test_more_follow_when_few_are_left(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 120)
    open_inbox(page, tenant)
    for _ in range(3):
        page.get_by_label("Select all on this page").check()
        press(page, "a")
        expect(page.locator("#bar")).to_be_hidden()
        expect(page.locator("#progress")).to_be_hidden()
        page.wait_for_timeout(300)
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    assert all(of == {"approved"} for of in tags(tenant, execution).values())


def test_moving_and_its_ends(page: Page, tenant: Tenant) -> None:
    queue(tenant, 3)
    open_inbox(page, tenant)
    press(page, "j")
    expect(row(page, "task 000")).to_be_focused()
    press(page, "j", "j", "j")
    expect(row(page, "task 002")).to_be_focused()
    press(page, "k", "k", "k")
    expect(row(page, "task 000")).to_be_focused()
    expect(page.locator(f"{TASK}[aria-current]")).to_have_count(1)
    expect(page.locator(f"{TASK}[tabindex='0']")).to_have_count(1)


def test_enter_opens_the_task_and_going_back_finds_the_inbox(page: Page, tenant: Tenant) -> None:
    queue(tenant, 2)
    open_inbox(page, tenant)
    press(page, "j", "j", "Enter")
    page.wait_for_url("**/tasks/*")
    page.go_back()
    expect(page.locator(TASK)).to_have_count(2)


def test_undo_brings_a_task_back_to_its_place(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 5)
    open_inbox(page, tenant)
    press(page, "j", "j", "a")
    expect(row(page, "task 001")).to_have_count(0)
    expect(page.locator("#notices")).to_contain_text("Approved: task 001")
    expect_current(page, "task 002")
    press(page, "r")
    expect(row(page, "task 002")).to_have_count(0)
    press(page, "u")
    expect_current(page, "task 002")
    expect(page.locator("#notices")).to_contain_text("Taken back")
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.locator(TASK)).to_have_count(5)
    names = page.locator(TASK).evaluate_all("rows => rows.map(row => row.dataset.task)")
    assert names == [f"task {number:03}" for number in range(5)]
    assert set(map(frozenset, tags(tenant, execution).values())) == {frozenset({"pending_approval"})}
    page.wait_for_timeout(300)
    expect(row(page, "task 001").locator(".tag.waits")).to_have_count(1)
    expect(row(page, "task 001")).not_to_have_attribute("data-state", "taken")
    press(page, "a")
    expect(page.locator(TASK)).to_have_count(4)


def test_shift_selects_a_range_with_mouse_and_keys(page: Page, tenant: Tenant) -> None:
    queue(tenant, 10)
    open_inbox(page, tenant)
    row(page, "task 002").get_by_role("checkbox").check()
    row(page, "task 005").get_by_role("checkbox").click(modifiers=["Shift"])
    expect(page.locator("#selected")).to_have_text("4 selected")
    press(page, "Escape")
    expect(page.locator("#bar")).to_be_hidden()
    row(page, "task 006").focus()
    press(page, "x", "j", "j", "Shift+X")
    expect(page.locator("#selected")).to_have_text("3 selected")
    checked = page.locator(f"{TASK}[data-selected]").evaluate_all("rows => rows.map(row => row.dataset.task)")
    assert checked == ["task 006", "task 007", "task 008"]


def test_a_bulk_decision_with_a_note_and_undo(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 6)
    open_inbox(page, tenant)
    press(page, "j", "x", "j", "j", "Shift+X", "n")
    page.keyboard.type("a great jar of xylophones")
    page.get_by_role("button", name="Reject r", exact=True).click()
    expect(page.locator(TASK)).to_have_count(3)
    expect(page.locator("#notices")).to_contain_text("Rejected: 3 tasks")
    noted = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    assert [tag["tag_metadata"] for tag in noted if tag["tag"] == "rejected"] == [
        {"note": "a great jar of xylophones"}
    ] * 3
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(TASK)).to_have_count(6)
    assert all(of == {"pending_approval"} for of in tags(tenant, execution).values())


def test_all_that_match_are_decided_and_taken_back(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 230)
    wait_other = tenant.execution("other", flow_name="another flow")
    tenant.api().tag(operation("add", wait_other, "other", "pending_approval"))
    open_inbox(page, tenant, "/?flow=invoices")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("#selected")).to_have_text("50 selected")
    page.get_by_role("button", name="Select all 100+ that match").click()
    expect(page.locator("#selected")).to_have_text("230 selected")
    expect(page.get_by_text("All 230 that match are selected.")).to_be_visible()
    press(page, "a")
    expect(page.locator("#notices")).to_contain_text("Approved: 230 tasks")
    assert all(of == {"approved"} for of in tags(tenant, execution).values())
    assert tags(tenant, wait_other) == {"other": {"pending_approval"}}
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(TASK)).to_have_count(50)
    assert all(of == {"pending_approval"} for of in tags(tenant, execution).values())


def test_tags_are_added_and_removed_in_bulk(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 3, tag_metadata={"why": ["low", 1.5]})
    open_inbox(page, tenant)
    press(page, "j", "x", "j", "x", "t")
    dialog = page.locator("#tag-dialog")
    dialog.get_by_label("Tag", exact=True).fill("legal")
    dialog.get_by_label("Tag", exact=True).press("Enter")
    expect(page.locator("#notices")).to_contain_text("Tags changed on 2 tasks: + legal")
    assert tags(tenant, execution)["task 001"] == {"pending_approval", "legal"}
    row(page, "task 002").focus()
    press(page, "t")
    dialog.get_by_label("Remove").check()
    dialog.get_by_label("Tag", exact=True).fill("pending_approval")
    dialog.get_by_role("button", name="Change").click()
    expect(page.locator("#notices")).to_contain_text("Tags changed on 1 task:")
    assert "task 002" not in tags(tenant, execution)


def test_under_the_pointer_nothing_moves_until_it_leaves(page: Page, tenant: Tenant) -> None:
    queue(tenant, 4)
    open_inbox(page, tenant)
    button = row(page, "task 001").get_by_role("button", name="Approve")
    before = row(page, "task 002").bounding_box()
    button.click()
    expect(row(page, "task 001")).to_have_attribute("data-state", "done")
    expect(row(page, "task 001")).to_contain_text("Approved")
    after = row(page, "task 002").bounding_box()
    assert abs(before["y"] - after["y"]) < 40
    box = row(page, "task 001").bounding_box()
    assert box["y"] <= button.bounding_box()["y"] <= box["y"] + box["height"]
    page.mouse.move(5, 5)
    expect(page.locator(TASK)).to_have_count(3)


def test_keys_typed_in_a_field_decide_nothing(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 2)
    open_inbox(page, tenant)
    press(page, "j", "/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("arfuxj?")
    expect(page.locator("#q")).to_have_value("arfuxj?")
    expect(page.locator("#help")).to_be_hidden()
    press(page, "Escape")
    expect(row(page, "task 000")).to_be_focused()
    assert all(of == {"pending_approval"} for of in tags(tenant, execution).values())


def test_a_search_and_back(page: Page, tenant: Tenant) -> None:
    queue(tenant, 12)
    open_inbox(page, tenant)
    press(page, "/")
    page.keyboard.type("task 01")
    press(page, "Enter")
    page.wait_for_url("**/?q=task+01")
    expect(page.locator(TASK)).to_have_count(2)
    expect(page.get_by_text("2 tasks found.")).to_be_visible()
    page.goto("/?q=nothing+like+it")
    page.get_by_role("link", name="Clear all filters").last.click()
    expect(page.locator(TASK)).to_have_count(12)


def test_the_help_sheet_opens_and_closes(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 1)
    open_inbox(page, tenant)
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "a", "Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert tags(tenant, execution) == {"task 000": {"pending_approval"}}


def test_going_elsewhere_by_keys(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 1)
    open_inbox(page, tenant)
    press(page, "g", "a")
    page.wait_for_url("**/activity")
    page.go_back()
    expect(page.locator("#line")).to_have_text("Live")
    with page.expect_navigation():
        press(page, "g", "i")
    assert tags(tenant, execution) == {"task 000": {"pending_approval"}}


def test_everything_is_reached_by_tab(page: Page, tenant: Tenant) -> None:
    queue(tenant, 1)
    open_inbox(page, tenant)
    reached = set()
    for _ in range(45):
        press(page, "Tab")
        reached.add(page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()"))
    assert {"Approve", "Reject", "Flag", "task 000", "q", "all", "Keys ?"} <= {" ".join(one.split()) for one in reached}


def test_an_empty_inbox_tells_of_the_first_that_waits(page: Page, tenant: Tenant) -> None:
    open_inbox(page, tenant)
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    queue(tenant, 1)
    page.locator("#new").click()
    expect(row(page, "task 000")).to_be_visible()


def test_a_viewer_moves_and_opens_and_decides_nothing(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 2)
    open_inbox(page, tenant, who="viewer")
    press(page, "j", "a", "x", "t", "n", "u", "j")
    expect(row(page, "task 001")).to_be_focused()
    assert all(of == {"pending_approval"} for of in tags(tenant, execution).values())
    press(page, "Enter")
    page.wait_for_url("**/tasks/*")


def test_what_cannot_be_decided_comes_back_and_says_why(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    execution = queue(tenant, 2)
    open_inbox(page, tenant)
    page.route("**/decisions", lambda route: route.abort())
    press(page, "j", "a")
    expect(page.locator("#notices")).to_contain_text("cannot be reached")
    expect(row(page, "task 000")).to_be_focused()
    expect(row(page, "task 000").get_by_role("checkbox")).to_be_enabled()
    page.unroute("**/decisions")
    press(page, "a")
    expect(row(page, "task 000")).to_have_count(0)
    assert tags(tenant, execution)["task 000"] == {"approved"}
    troubles.clear()


def test_a_narrow_screen_has_no_sideways_scrolling(context: BrowserContext, tenant: Tenant) -> None:
    execution = tenant.execution("a_task_with_a_rather_long_name_" * 6)
    tenant.api().tag(operation("add", execution, "a_task_with_a_rather_long_name_" * 6, "pending_approval"))
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    open_inbox(page, tenant)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_role("complementary", name="Filters")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    row(page, "a_task_with_a_rather_long_name_" * 6).get_by_role("checkbox").check()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_policy_lets_nothing_inline_run(live: LiveServer, tenant: Tenant) -> None:
    one, other = (httpx.get(f"{live.url}/", follow_redirects=True).headers["content-security-policy"] for _ in range(2))
    assert "unsafe" not in one
    assert "frame-ancestors 'none'" in one
    assert re.search(r"script-src 'nonce-[\w+/-]{20,}=*'(;|$)", one)
    assert one != other

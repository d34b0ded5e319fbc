"""A queue cleared on the tasks' pages, by keys alone."""

from playwright.sync_api import Page, Route, expect

from tests.browser.inbox import expect_current, open_inbox, press, queue, tags
from tests.cast import Tenant


def test_fifty_tasks_are_decided_page_by_page_without_the_mouse(page: Page, tenant: Tenant) -> None:
    """Of the list that was narrowed in the inbox, and of nothing else; each next page is there before it is wanted."""
    others = queue(tenant, 1, flow_name="payments")
    execution = queue(tenant, 50)
    prefetched: list[str] = []
    page.on("request", lambda request: prefetched.append(request.url) if request.resource_type == "fetch" else None)
    open_inbox(page, tenant, "/?flow=invoices")
    press(page, "j")
    expect_current(page, "task 000")
    press(page, "Enter")
    for number in range(50):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"task {number:03}")
        expect(page.locator("#way")).to_contain_text(f"of {50 - number} in your list")
        press(page, "r" if number % 10 == 3 else "a")
    expect(page.get_by_text("Nothing else waits")).to_be_visible()
    found = tags(tenant, execution)
    assert [name for name in sorted(found) if found[name] == {"rejected"}] == [f"task {n:03}" for n in range(3, 50, 10)]
    assert sum(of == {"approved"} for of in found.values()) == 45
    assert tags(tenant, others) == {"task 000": {"pending_approval"}}
    # Nothing but the first page was loaded as a page.
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    assert sum("/tasks/" in url for url in prefetched) >= 49
    press(page, "u")
    expect(page.get_by_role("heading", level=1)).to_have_text("task 049")
    expect(page.locator("#tags")).to_contain_text("pending_approval")
    assert tags(tenant, execution)["task 049"] == {"pending_approval"}


def test_a_key_that_comes_before_the_scripts_is_not_lost(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 1)
    open_inbox(page, tenant)
    path = page.get_by_role("link", name="task 000").get_attribute("href")
    held: list[Route] = []
    page.route("**/tags/live.js", lambda route: held.append(route))
    with page.expect_request("**/tags/live.js"):
        page.goto(str(path), wait_until="commit")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    press(page, "a")
    held[0].continue_()
    expect(page.locator("#tags")).to_contain_text("approved")
    assert tags(tenant, execution) == {"task 000": {"approved"}}

"""What other people do shows in the inbox at once, and moves nothing."""

from playwright.sync_api import Page, expect

from tests.browser.inbox import TASK, open_inbox, press, queue, row, tags
from tests.cast import Tenant, operation


def test_two_people_at_once(page: Page, other: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 4)
    open_inbox(page, tenant)
    open_inbox(other, tenant, who="admin")
    press(page, "j", "x", "j", "x")
    other.locator(f'{TASK}[data-task="task 001"]').get_by_role("button", name="Reject").click()
    expect(row(page, "task 001")).to_have_attribute("data-state", "taken")
    expect(row(page, "task 001")).to_contain_text(f"rejected by {tenant.admin.username} just now")
    expect(page.locator(TASK)).to_have_count(4)
    expect(page.locator("#selected")).to_have_text("1 selected")
    press(page, "Escape", "a")  # the current row is the other's
    expect(page.locator("#notices")).to_contain_text("decided this just now")
    assert tags(tenant, execution)["task 001"] == {"rejected"}
    other.keyboard.press("u")
    expect(row(page, "task 001")).not_to_have_attribute("data-state", "taken")
    expect(row(page, "task 001").locator(".tag.waits")).to_have_count(1)
    press(page, "a")
    expect(row(page, "task 001")).to_have_count(0)
    assert tags(tenant, execution)["task 001"] == {"approved"}


def test_what_one_did_elsewhere_is_not_taken_for_somebody_elses(page: Page, other: Page, tenant: Tenant) -> None:
    """The same person in two browsers; somebody else may have the same name."""
    queue(tenant, 3)
    open_inbox(page, tenant)
    open_inbox(other, tenant)
    press(page, "j", "j")
    other.locator(f'{TASK}[data-task="task 001"]').get_by_role("button", name="Reject").click()
    expect(row(page, "task 001")).to_have_attribute("data-state", "taken")
    press(page, "a")
    expect(page.locator("#notices")).to_contain_text("You decided this just now, elsewhere")


def test_what_comes_is_announced_and_moves_nothing(page: Page, tenant: Tenant) -> None:
    queue(tenant, 2)
    open_inbox(page, tenant)
    late = tenant.execution("late one", "late two", "late three")
    for name in ("late one", "late two", "late three"):
        tenant.api().tag(operation("add", late, name, "requires_review"))
    expect(page.locator("#new")).to_contain_text("3 new tasks wait")
    tenant.api().tag(operation("remove", late, "late two", "requires_review"))
    expect(page.locator("#new")).to_contain_text("2 new tasks wait")
    expect(page.locator(TASK)).to_have_count(2)
    page.locator("#new").click()
    expect(page.locator(TASK)).to_have_count(4)

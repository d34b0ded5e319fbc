"""Saved views in a real browser."""

from playwright.sync_api import Page, expect

from tests.browser.inbox import TASK, open_inbox, press, queue
from tests.cast import Tenant, operation


def test_a_filter_is_saved_shared_and_counted_as_it_changes(page: Page, other: Page, tenant: Tenant) -> None:
    queue(tenant, 3)
    execution = queue(tenant, 2, flow_name="payments")
    open_inbox(page, tenant, "/?flow=payments")
    page.get_by_text("Save as view").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Money")
    press(page, "Enter")
    views = page.get_by_role("navigation", name="Views")
    tab = views.get_by_role("link", name="Money")
    expect(tab).to_have_attribute("aria-current", "true")
    expect(tab.locator(".figure")).to_have_text("2")
    expect(page.locator(TASK)).to_have_count(2)
    tenant.api().tag(operation("remove", execution, "task 000", "pending_approval"))
    expect(tab.locator(".figure")).to_have_text("1")

    page.get_by_text("Change view").click()
    page.get_by_label("Everybody in the organization sees it").check()
    views.get_by_role("button", name="Save", exact=True).click()
    open_inbox(other, tenant, who="viewer")
    other.get_by_role("link", name="Money").click()
    expect(other.locator(TASK)).to_have_count(1)
    expect(other.get_by_text("Change view")).to_have_count(0)

    page.get_by_text("Change view").click()
    press(page, "Escape")
    expect(page.get_by_role("button", name="Delete view")).to_be_hidden()
    page.get_by_text("Change view").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("link", name="Money")).to_have_count(0)

"""Activity, Insights and the page of a run in a real browser: live, and from one to the other."""

from typing import Any

from playwright.sync_api import Page, expect

from tags.actions.credentials import caller_of_user
from tags.actions.decisions import decide
from tags.models import DecisionKind, FlowExecution
from tests.browser.people import log_in
from tests.cast import Tenant, operation


def where(page: Page, selector: str) -> Any:
    return page.locator(selector).first.bounding_box()


def approve(tenant: Tenant, execution: FlowExecution, *names: str) -> None:
    caller = caller_of_user(tenant.admin.id, tenant.id, "test")
    decide(caller, DecisionKind.APPROVE, [(execution.id, name) for name in names])


def test_what_is_new_waits_until_it_is_asked_for(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("one", "two", "three")
    log_in(page, tenant, "/activity")
    expect(page.locator("#state")).to_have_text("Live")
    before = where(page, ".entry")
    approve(tenant, execution, "one", "two")
    approve(tenant, execution, "three")
    news = page.get_by_role("button", name="2 new changes: show them")
    expect(news).to_be_visible()
    assert where(page, ".entry") == before
    expect(page.locator(".entry")).to_have_count(1)
    news.click()
    expect(page.locator(".entry")).to_have_count(3)
    expect(page.locator(".entry.new")).to_have_count(2)
    expect(news).to_be_hidden()
    page.get_by_text("2 changes").click()
    expect(page.locator(".changes").get_by_role("link", name="two")).to_be_visible()
    page.locator(".entry").first.get_by_role("link", name="three").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("three")


def test_the_way_from_keys_to_figures_to_the_inbox(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("one", "two")
    tenant.api().tag(*[operation("add", execution, name, "pending_approval") for name in ("one", "two")])
    approve(tenant, execution, "one")
    log_in(page, tenant, "/activity", "viewer")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", level=1)).to_have_text("Insights")
    expect(page.get_by_role("img", name="Decisions per day")).to_be_visible()
    page.get_by_text("The figures as a table").first.click()
    expect(page.get_by_role("region").get_by_role("row").nth(1)).to_contain_text("1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Each decision of the period (CSV)").click()
    assert "approve" in download.value.path().read_text()
    page.locator(".tiles").get_by_role("link", name="1").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Inbox")


def test_a_run_is_kept_as_it_is_without_moving_anything(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("one", "two")
    log_in(page, tenant, f"/runs/{execution.id}")
    link = page.get_by_role("link", name="two", exact=True)
    link.focus()
    before = where(page, "[data-row=two]")
    tenant.task(execution, "one", processing_status="failed")
    tenant.task(execution, "a third one")
    tenant.api().tag(operation("add", execution, "two", "pending_approval"))
    expect(page.locator("[data-row=one]")).to_contain_text("Failed")
    expect(page.locator("[data-row=two]")).to_contain_text("pending_approval")
    expect(page.locator(".run-choices .waits b")).to_have_text("1")
    expect(link).to_be_focused()
    news = page.get_by_role("button", name="The list has changed: show it")
    expect(news).to_be_visible()
    assert where(page, "[data-row=two]") == before
    expect(page.locator("[data-row]")).to_have_count(2)
    news.click()
    expect(page.locator("[data-row]")).to_have_count(3)
    page.get_by_role("link", name="a third one").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("a third one")

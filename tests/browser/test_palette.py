"""The command palette and the sheet of keys, on every page, by keys alone."""

import re

from playwright.sync_api import Locator, Page, expect

from tags.actions.organizations import add_member
from tags.models import Role
from tests.browser.people import log_in
from tests.cast import Tenant, operation


def options(page: Page) -> list[str]:
    return page.locator("#palette [role=option] .label").all_text_contents()


def chosen(page: Page) -> Locator:
    return page.locator("#palette [aria-selected=true]")


def test_a_task_and_a_run_are_found_by_name_or_id_without_a_mouse(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("weigh the parcel", "print the label", flow_name="parcels")
    record = tenant.task(execution, "weigh the parcel", idx=1)
    tenant.api().tag(operation("add", execution, "print the label", "pending_approval"))
    log_in(page, tenant, "/account")
    page.keyboard.press("Control+k")
    box = page.locator("#palette").get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("label")
    expect(chosen(page)).to_contain_text("print the label")
    expect(chosen(page)).to_contain_text("waits")
    assert box.get_attribute("aria-activedescendant") == chosen(page).get_attribute("id")
    box.fill("parcel")
    expect(page.locator("#palette [role=option]")).to_have_count(4)
    assert options(page)[:2] == ["weigh the parcel", "parcels"]
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_contain_text("parcels")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{execution.id}")
    page.keyboard.press("Control+k")
    page.keyboard.type(str(record.id)[-12:])  # no beginning of an id
    expect(page.locator("#palette").get_by_role("option", name=re.compile("Search all tasks"))).to_be_visible()
    box.fill(str(record.id))
    page.locator("#palette").get_by_role("option", name="weigh the parcel").click()
    page.wait_for_url(f"**/tasks/{record.id}")


def test_what_can_be_done_here_and_where_one_can_go(page: Page, tenant: Tenant, neighbour: Tenant) -> None:
    add_member(neighbour.id, tenant.reviewer.username, Role.REVIEWER)
    execution = tenant.execution("extract")
    record = tenant.task(execution, "extract")
    tenant.api().tag(operation("add", execution, "extract", "pending_approval"))
    log_in(page, tenant, f"/tasks/{record.id}")
    page.get_by_role("button", name="Go to…").click()
    page.keyboard.type("rej")
    expect(chosen(page)).to_contain_text("Reject this task")
    page.keyboard.press("Enter")
    expect(page.locator("#tags")).to_contain_text("rejected")
    page.keyboard.press("Control+k")
    page.keyboard.type("Inbox")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Inbox")).to_be_visible()
    expect(page.locator("#line")).to_have_text("Live")  # the scripts are there
    page.keyboard.press("Control+k")
    page.keyboard.type("Neighbour")
    expect(chosen(page)).to_contain_text("Work in Neighbour")
    page.keyboard.press("Enter")
    expect(page.locator(".frame .who")).to_contain_text("Neighbour")


def test_the_palette_and_the_sheet_take_no_key_for_a_decision(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "pending_approval"))
    log_in(page, tenant, "/")
    page.keyboard.press("Control+k")
    page.keyboard.type("arf")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.type("arf")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    (tag,) = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    assert tag["tag"] == "pending_approval"
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/activity")


def test_the_theme_is_chosen_without_leaving_the_page(page: Page, tenant: Tenant) -> None:
    page.emulate_media(color_scheme="light")
    log_in(page, tenant, "/")
    with page.expect_response("**/account/theme"):
        page.keyboard.press("Control+k")
        page.keyboard.type("dark")
        page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.locator(".who").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")

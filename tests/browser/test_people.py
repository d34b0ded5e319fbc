"""What people expect of every page, in a real browser."""

from playwright.sync_api import BrowserContext, Page, expect

from tags.actions.organizations import add_member
from tags.models import Role
from tests.browser.people import forgive, log_in
from tests.cast import PASSWORD, Tenant, operation

DARK = "rgb(18, 22, 28)"


def ground(page: Page) -> str:
    return str(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))


def test_dark_german_and_another_time_zone_by_choice(page: Page, tenant: Tenant) -> None:
    log_in(page, tenant, "/account")
    assert ground(page) != DARK
    expect(page.get_by_label("Time zone")).to_contain_text("As the browser: UTC")
    page.get_by_role("radio", name="Dark").check()
    page.get_by_label("Language").select_option("de")
    page.get_by_label("Time zone").select_option("Pacific/Auckland")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Gespeichert.")
    assert ground(page) == DARK
    page.emulate_media(color_scheme="light")
    page.goto("/")
    assert ground(page) == DARK
    expect(page.get_by_role("heading", level=1)).to_contain_text("Eingang")


def test_the_organization_is_switched_by_keyboard_from_any_page(page: Page, tenant: Tenant, neighbour: Tenant) -> None:
    add_member(neighbour.id, tenant.reviewer.username, Role.VIEWER)
    log_in(page, tenant, "/activity")
    menu = page.get_by_role("button", name="Acme")
    menu.press("Enter")
    page.get_by_role("button", name="Neighbour", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Neighbour")).to_be_visible()
    page.get_by_role("button", name="Neighbour").press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_a_decision_after_the_sessions_end_is_made_after_a_log_in_elsewhere(
    page: Page, context: BrowserContext, tenant: Tenant, troubles: list[str]
) -> None:
    """The page is not loaded again, and its note is not lost."""
    execution = tenant.execution("extract")
    record = tenant.task(execution, "extract")
    tenant.api().tag(operation("add", execution, "extract", "pending_approval"))
    log_in(page, tenant, f"/tasks/{record.id}")
    page.get_by_label("Note").fill("looks right")
    context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#notices")).to_contain_text("Your session has ended")
    forgive(troubles, "status of 401")
    elsewhere = context.new_page()
    elsewhere.goto("/log-in")
    elsewhere.get_by_label("User name").fill(tenant.reviewer.username)
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.get_by_role("button", name="Log in").click()
    elsewhere.wait_for_url(lambda url: "/log-in" not in url)
    assert page.get_by_label("Note").input_value() == "looks right"
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#tags")).to_contain_text("approved")

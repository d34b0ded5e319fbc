"""The insights in a real browser."""

from playwright.sync_api import Page, Route, expect

from tests.browser.people import forgive, log_in
from tests.cast import Tenant, operation


def test_figures_come_after_the_page_or_it_says_that_they_did_not(
    page: Page, tenant: Tenant, troubles: list[str]
) -> None:
    execution = tenant.execution("extract", flow_name="invoices")
    tenant.api().tag(operation("add", execution, "extract", "pending_approval"))
    page.route("**/insights*", refuse_figures)
    log_in(page, tenant, "/insights?days=7&flow=invoices")
    expect(page.get_by_text("The figures could not be counted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Decisions per day")).to_be_hidden()
    forgive(troubles, "500")

    page.unroute("**/insights*")
    page.get_by_role("link", name="Try again").click()
    expect(page.locator(".tiles a.figure")).to_have_text("1")
    expect(page.get_by_role("region", name="By flow")).to_contain_text("invoices")
    expect(page.get_by_text("Counting…")).to_have_count(0)
    assert "flow=invoices" in page.url


def refuse_figures(route: Route) -> None:
    if "hx-request" in route.request.headers:
        route.fulfill(status=500)
    else:
        route.continue_()

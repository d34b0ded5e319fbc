"""The admin in a real browser: its scripts and styles under the content security policy, wide and narrow."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tags.actions.rejections import Rejection, keep_rejections
from tests.browser.people import log_in
from tests.cast import Tenant
from tests.ingest.test_replays import lineage_events, replay

SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}


def settle(tenant: Tenant) -> None:
    replay(tenant, lineage_events("openlineage-airflow"))
    bodies = [{**event, "run": {"runId": "no id"}} for event in lineage_events("openlineage-dbt")[:3]]
    keep_rejections(
        tenant.id,
        tenant.actor,
        "openlineage",
        [
            *(Rejection("not_a_uuid", "run.runId must be a UUID", body) for body in bodies),
            Rejection("missing", "x", {}),
        ],
    )


def picture(page: Page, name: str) -> None:
    """Kept where SCREENSHOTS says, for whoever wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def fits(page: Page) -> bool:
    """Nothing sticks out to the right of the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_a_rule_is_tried_written_and_changed(page: Page, tenant: Tenant, size: str) -> None:
    settle(tenant)
    page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
    log_in(page, tenant, "/admin/", "admin")
    picture(page, f"index-{size}")
    page.get_by_role("link", name="Review rules").click()
    page.get_by_role("link", name="Add review rule").click()
    page.get_by_label("Name:").fill("Failed tasks of Airflow")
    page.get_by_label("Failed").check()
    page.get_by_label("Expression:").fill("error.message >")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").first).to_contain_text("Not a JMESPath expression")
    picture(page, f"error-{size}")
    assert fits(page)

    page.get_by_label("Expression:").fill("input.run.processing_engine.name == 'Airflow'")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Dry run").click()
    tried = opened.value
    tried.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
    expect(tried.locator("#content-main")).to_contain_text("would have matched 16 of 106 task executions")
    expect(tried.locator("tbody tr")).to_have_count(16)
    picture(tried, f"dry-run-{size}")
    assert fits(tried)
    tried.close()

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".success")).to_contain_text("was added successfully")
    picture(page, f"rules-{size}")
    page.get_by_role("link", name="Failed tasks of Airflow").first.click()
    picture(page, f"rule-{size}")
    assert fits(page)
    page.get_by_role("link", name="History").click()
    expect(page.locator("#change-history")).to_contain_text(tenant.admin.username)
    picture(page, f"history-{size}")


@pytest.mark.parametrize("size", SIZES)
def test_rejected_events_are_read_and_tried_again(page: Page, tenant: Tenant, size: str) -> None:
    settle(tenant)
    page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
    log_in(page, tenant, "/admin/tags/rejectedevent/", "admin")
    picture(page, f"rejected-{size}")
    page.locator("#result_list").get_by_role("link").last.click()
    expect(page.locator("pre.sent")).to_contain_text("no id")
    picture(page, f"rejected-one-{size}")
    assert fits(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".messagelist")).to_contain_text("1 refused again")
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option("Try again")
    page.get_by_role("button", name="Go").or_(page.get_by_role("button", name="Run")).click()
    expect(page.locator(".messagelist")).to_contain_text("4 refused again, for the reason now listed.")
    picture(page, f"tried-{size}")


def test_others_are_told_so(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    log_in(page, tenant, "/admin/", "reviewer")
    expect(page.get_by_role("main")).to_contain_text("for the admins of your organization")
    picture(page, "refusal")
    troubles.clear()  # the browser notes the 403

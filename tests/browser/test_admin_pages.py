"""The admin in a real browser: its scripts and styles under the content security policy, wide and narrow."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tags.actions.rejections import Rejection, keep_rejections
from tags.admin import site
from tags.db.tenancy import in_organization
from tags.models import TaskTag
from tags.models.access import token_prefix
from tests.browser.people import log_in
from tests.cast import Tenant, operation
from tests.ingest.test_replays import lineage_events, replay
from tests.tenancy.things import settle as settle_all

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
    page.wait_for_load_state()
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_a_rule_is_tried_written_and_changed(page: Page, tenant: Tenant, size: str) -> None:
    settle(tenant)
    page.set_viewport_size(SIZES[size])
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
    tried.set_viewport_size(SIZES[size])
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
    page.set_viewport_size(SIZES[size])
    log_in(page, tenant, "/admin/tags/rejectedevent/", "admin")
    picture(page, f"rejected-{size}")
    page.locator("#result_list tbody th a").last.click()
    expect(page.locator("pre.json")).to_contain_text("no id")
    picture(page, f"rejected-one-{size}")
    assert fits(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".messagelist")).to_contain_text("1 refused again")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".messagelist")).to_contain_text("4 refused again, for the reason now listed.")
    picture(page, f"tried-{size}")


@pytest.mark.parametrize("size", SIZES)
def test_an_approval_takes_two_clicks_and_is_taken_back(page: Page, tenant: Tenant, size: str) -> None:
    execution = tenant.execution("extract", "post")
    tags = [operation("add", execution, task, "pending_approval") for task in ("extract", "post")]
    assert tenant.api().tag(*tags).status_code == 200
    page.set_viewport_size(SIZES[size])
    log_in(page, tenant, "/admin/tags/tasktag/?waits=yes", "admin")
    # Enter in a checkbox decides nothing.
    page.locator(".action-select").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".action-counter")).to_contain_text("1 of 2 selected")

    page.locator(".action-select").first.uncheck()
    page.locator(".action-select").first.check()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".messagelist")).to_contain_text("1 task approved.")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    picture(page, f"approved-{size}")
    assert fits(page)

    page.get_by_role("link", name="Take it back").click()
    page.locator(".action-select").check()
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".messagelist")).to_contain_text("1 decision taken back.")
    page.goto("/admin/tags/tasktag/?waits=yes")
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


def test_a_key_is_made_and_its_token_copied(page: Page, tenant: Tenant) -> None:
    log_in(page, tenant, "/admin/tags/serviceaccount/", "admin")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name:").fill("laptop")
    page.get_by_role("button", name="Save", exact=True).click()
    token = page.get_by_label("Token").input_value()
    assert tenant.api().client.get("/api/events", headers={"X-API-Key": token}).status_code == 200
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    picture(page, "new-key")
    page.get_by_role("link", name="Go on to the key").click()
    expect(page.locator("#content")).to_contain_text(token_prefix(token))
    expect(page.locator("body")).not_to_contain_text(token)


def test_every_page_keeps_to_the_policy(page: Page, tenant: Tenant) -> None:
    """Nothing inline on any page of each model: a violation is in the console, and ends the test (conftest.py)."""
    settle_all(tenant, "ours")
    log_in(page, tenant, "/admin/", "admin")
    with in_organization(tenant.id):
        tag = str(TaskTag.objects.values_list("id", flat=True)[0])
    models = [model._meta.model_name for model in site._registry]
    paths = [f"/admin/tags/{model}/" for model in models]
    paths += [f"/admin/tags/{model}/add/" for model in ("apikey", "membership", "serviceaccount", "reviewrule")]
    paths += [f"/admin/tags/tasktag/{tag}/{way}/" for way in ("change", "history", "delete")]
    paths += ["/admin/tags/serviceaccount/?_popup=1", "/admin/tags/", "/admin/password_change/"]
    page.set_viewport_size(SIZES["narrow"])
    for path in paths:
        page.goto(path)
        assert fits(page), path


def test_others_are_told_so(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    log_in(page, tenant, "/admin/", "reviewer")
    expect(page.get_by_role("main")).to_contain_text("for the admins of your organization")
    picture(page, "refusal")
    troubles.clear()  # the browser notes the 403

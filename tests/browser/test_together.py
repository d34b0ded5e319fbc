"""Several people at once, a server that restarts in between, and a slow network."""

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import forgive, log_in
from tests.browser.test_task_page import at_task, open_task, tags, waiting
from tests.cast import Tenant, operation
from tests.live.conftest import LiveServer

CONNECTION = "#line"


def until_live(page: Page) -> None:
    # A page that has tried in vain for a while waits for up to 30 s before it tries again.
    expect(page.locator(CONNECTION)).to_have_text(re.compile("Live"), timeout=45_000)


def test_two_reviewers_on_a_task_see_each_other_until_one_leaves(page: Page, other: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    until_live(page)
    expect(page.locator("#people")).to_be_hidden()
    open_task(other, tenant, first, "admin")
    expect(page.locator("#people")).to_contain_text(f"{tenant.admin.username} has this task open too, since")
    expect(other.locator("#people")).to_contain_text(tenant.reviewer.username)
    other.keyboard.press("j")
    at_task(other, "two")
    expect(page.locator("#people")).to_be_hidden()
    other.keyboard.press("k")
    expect(page.locator("#people")).to_be_visible()
    other.close()
    expect(page.locator("#people")).to_be_hidden(timeout=3_000)


def test_who_cannot_have_read_the_warning_is_asked_once_more(page: Page, other: Page, tenant: Tenant) -> None:
    first, second = waiting(tenant, "one", "two")
    open_task(other, tenant, second, "admin")
    until_live(other)
    open_task(page, tenant, first)
    page.keyboard.press("a")
    expect(page.locator("#people")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#notices")).to_contain_text("Press again to decide all the same.")
    assert tags(tenant, second) == {"pending_approval": None}
    page.keyboard.press("a")
    expect(page.get_by_text("Nothing else waits")).to_be_visible()
    assert tags(tenant, second) == {"approved": None}


def test_the_inbox_shows_who_has_a_task_open(page: Page, other: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    log_in(page, tenant, "/")
    until_live(page)
    open_task(other, tenant, first, "admin")
    row = page.locator('.task[data-task="one"]')
    expect(row.locator(".people")).to_have_text(f"{tenant.admin.username} has this open")
    expect(page.locator(".people:visible")).to_have_count(1)
    other.keyboard.press("j")
    expect(page.locator('.task[data-task="two"] .people')).to_be_visible()
    expect(row.locator(".people")).to_be_hidden()


def test_what_others_do_moves_no_button(page: Page, tenant: Tenant) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    until_live(page)
    places = ["#decision [data-kind=approve]", "#output-value", "#correct"]
    before = [page.locator(place).bounding_box()["y"] for place in places]  # type: ignore[index]  # they are there
    changes = [operation("add", first.flow_execution_id, "one", f"tag {n}", tag_type="label") for n in range(9)]
    tenant.api().tag(*changes, operation("remove", first.flow_execution_id, "one", "pending_approval"))
    expect(page.locator("#tags > li")).to_have_count(9)
    expect(page.get_by_text("This task does not wait any more")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    after = [page.locator(place).bounding_box()["y"] for place in places]
    assert after == pytest.approx(before, abs=1)  # a window scrolls by whole pixels


def test_a_correction_hears_of_another_before_it_is_saved(
    page: Page, other: Page, tenant: Tenant, troubles: list[str]
) -> None:
    (first,) = waiting(tenant, "one")
    for one, who in ((page, "reviewer"), (other, "admin")):
        log_in(one, tenant, f"/tasks/{first.id}/correct", who)
    expect(page.locator("#people")).to_contain_text(tenant.admin.username)
    page.get_by_label("Output, as JSON").fill('{"total": 3}')
    other.get_by_label("Output, as JSON").fill('{"total": 2}')
    other.get_by_role("button", name="Save").click()
    at_task(other, "one")
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed this task since you began.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").first).to_contain_text(f"{tenant.admin.username} changed this task")
    expect(page.locator(".difference .added mark")).to_have_text("3")
    forgive(troubles, "status of 409")


def test_a_restart_in_the_middle_of_a_decision_loses_and_doubles_nothing(
    page: Page, live: LiveServer, tenant: Tenant, owner: psycopg.Connection[Any], troubles: list[str]
) -> None:
    first, _ = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    until_live(page)
    page.get_by_label("Note").fill("kept")
    page.get_by_label("Note").press("Escape")
    with owner.transaction():
        held = "SELECT 1 FROM flow_execution WHERE organization_id = %s AND id = %s FOR UPDATE"
        owner.execute(held, [tenant.id, first.flow_execution_id])
        with page.expect_request("**/decisions"):
            page.keyboard.press("a")
        expect(page.locator("#decide")).to_have_attribute("aria-busy", "true")
        live.kill()
        expect(page.get_by_text("The server cannot be reached")).to_be_visible()
        expect(page.locator(CONNECTION)).to_contain_text("Reconnecting")
    live.start()
    until_live(page)
    expect(page.get_by_label("Note")).to_have_value("kept")
    page.keyboard.press("a")
    at_task(page, "two")
    assert tags(tenant, first) == {"approved": {"note": "kept"}}
    events = tenant.api().get("/api/events", after=0).json()["events"]
    assert sum(event["data"].get("tag") == "approved" for event in events) == 1
    forgive(troubles, "net::ERR_")
    forgive(troubles, "WebSocket connection to")


def test_on_a_slow_network_it_is_seen_to_be_saved_and_a_key_counts_once(page: Page, tenant: Tenant) -> None:
    first, second = waiting(tenant, "one", "two")
    open_task(page, tenant, first)
    until_live(page)
    page.wait_for_load_state("networkidle")  # the next task is there already
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 1_500, "downloadThroughput": 20_000, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    for _ in range(3):
        page.keyboard.press("a")
    expect(page.locator("#decide")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    at_task(page, "two")
    assert tags(tenant, first) == {"approved": None}
    assert tags(tenant, second) == {"pending_approval": None}


def test_a_note_for_many_survives_a_reload(page: Page, tenant: Tenant) -> None:
    first, second = waiting(tenant, "one", "two")
    log_in(page, tenant, "/")
    until_live(page)
    for key in ("j", "n"):
        page.keyboard.press(key)
    page.keyboard.type("seen by two")
    page.reload()
    until_live(page)
    page.get_by_label("Select all on this page").check()
    expect(page.get_by_label("Note")).to_have_value("seen by two")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    assert tags(tenant, first) == tags(tenant, second) == {"approved": {"note": "seen by two"}}
    page.reload()
    assert page.evaluate("sessionStorage.getItem('tagsite.inbox-note')") is None

"""Many tasks at once: what breaks off in the middle tells what it did, and is taken back as one."""

from itertools import count
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.inbox import TASK, open_inbox, press, queue, row, tags
from tests.browser.people import forgive
from tests.cast import Tenant
from tests.races.threads import until

FAULT = {"error": {"message": "Something broke here", "code": "internal_error", "details": None}, "request_id": "01K8"}


def fail_at(page: Page, pattern: str, *numbers: int) -> None:
    """Of the requests to these paths the first is 1."""
    numbered = count(1)

    def answer(route: Route) -> None:
        if next(numbered) in numbers:
            route.fulfill(status=500, json=FAULT)
        else:
            route.continue_()

    page.route(pattern, answer)


def select_everything(page: Page, number: int) -> None:
    press(page, "j", "A")
    expect(page.locator("#selected")).to_have_text("50 selected")
    press(page, "A")
    expect(page.locator("#selected")).to_have_text(f"{number} selected")


def with_tag(tenant: Tenant, execution: Any, tag: str) -> int:
    return sum(tag in of for of in tags(tenant, execution).values())


def test_a_decision_that_breaks_off_tells_how_far_it_came(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    execution = queue(tenant, 230)
    open_inbox(page, tenant)
    fail_at(page, "**/decisions", 2)
    select_everything(page, 230)
    press(page, "a")
    expect(page.locator("#notices")).to_contain_text("100 of 230 are done, then: Something broke here")
    expect(page.locator("#selected")).to_have_text("130 selected")
    assert (with_tag(tenant, execution, "approved"), with_tag(tenant, execution, "pending_approval")) == (100, 130)
    forgive(troubles, "status of 500")
    press(page, "a")
    expect(page.locator("#notices")).to_contain_text("Approved: 130 tasks")
    assert with_tag(tenant, execution, "approved") == 230
    # Each of the two is taken back as one, the last one first.
    press(page, "u")
    expect(page.locator(TASK)).to_have_count(50)
    until(lambda: with_tag(tenant, execution, "pending_approval") == 130)


def test_what_was_done_before_it_broke_off_is_taken_back_as_one(
    page: Page, tenant: Tenant, troubles: list[str]
) -> None:
    execution = queue(tenant, 230)
    open_inbox(page, tenant)
    fail_at(page, "**/decisions/tags", 3)
    select_everything(page, 230)
    press(page, "t")
    page.keyboard.type("legal")
    press(page, "Enter")
    expect(page.locator("#notices")).to_contain_text("200 of 230 are done, then: Something broke here")
    assert with_tag(tenant, execution, "legal") == 200
    page.get_by_role("button", name="Undo").click()
    until(lambda: with_tag(tenant, execution, "legal") == 0)
    forgive(troubles, "status of 500")


def test_a_long_decision_is_stopped_by_escape(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 230)
    open_inbox(page, tenant)
    select_everything(page, 230)

    def press_escape(route: Route) -> None:
        """While the first request is under way; the ones behind it are not sent."""
        press(page, "Escape")
        route.continue_()

    page.route("**/decisions", press_escape, times=1)
    press(page, "f")
    expect(page.locator("#notices")).to_contain_text("100 of 230 are done, then: stopped.")
    expect(page.locator("#selected")).to_have_text("130 selected")
    assert with_tag(tenant, execution, "requires_attention") == 100


def test_by_the_mouse_alone(page: Page, tenant: Tenant) -> None:
    execution = queue(tenant, 3)
    open_inbox(page, tenant)
    page.get_by_label("Select all on this page").check()
    row(page, "task 001").get_by_role("checkbox").uncheck()
    page.locator("#bar").get_by_role("button", name="Tags").click()
    dialog = page.locator("#tag-dialog")
    dialog.get_by_label("Tag", exact=True).fill("legal")
    dialog.get_by_role("button", name="Change").click()
    expect(page.locator("#notices")).to_contain_text("Tags changed on 2 tasks: + legal")
    page.get_by_label("Select all on this page").check()
    page.locator("#bar").get_by_role("button", name="Flag").click()
    expect(page.locator("#notices")).to_contain_text("Flagged: 3 tasks")
    assert with_tag(tenant, execution, "requires_attention") == 3
    assert with_tag(tenant, execution, "legal") == 2

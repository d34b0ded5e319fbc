"""What people do in the inbox."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.people import log_in
from tests.cast import Tenant, operation

TASK = "#tasks > .task"


def queue(tenant: Tenant, count: int, flow_name: str = "invoices", **more: Any) -> Any:
    names = [f"task {number:03}" for number in range(count)]
    execution = tenant.execution(*names, flow_name=flow_name)
    for start in range(0, count, 100):
        tenant.api().tag(
            *(operation("add", execution, name, "pending_approval", **more) for name in names[start : start + 100])
        )
    return execution


def row(page: Page, name: str) -> Any:
    return page.locator(f'{TASK}[data-task="{name}"]')


def current(page: Page) -> Any:
    return page.locator(f"{TASK}[aria-current]")


def expect_current(page: Page, name: str) -> None:
    expect(current(page)).to_have_attribute("data-task", name)


def open_inbox(page: Page, tenant: Tenant, to: str = "/", who: str = "reviewer") -> None:
    log_in(page, tenant, to, who)
    expect(page.locator("#line")).to_have_text("Live")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tags(tenant: Tenant, execution: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for tag in tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json():
        found.setdefault(tag["task_name"], set()).add(tag["tag"])
    return found

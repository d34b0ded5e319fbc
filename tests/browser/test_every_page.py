"""Every page for everybody: axe-core finds nothing, and it is small."""

import gzip
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request

from tags.db.tenancy import in_organization
from tags.models import TaskExecution
from tests.browser.every_page import WATCH_SHIFTS, admin_pages, desk_pages, pages_before_log_in
from tests.browser.people import forgive, log_in, open_whole
from tests.cast import Tenant, operation
from tests.ingest.test_replays import lineage_events, replay

SIZES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def furnished(django_db_setup: None) -> tuple[Tenant, TaskExecution]:
    """An organization with real runs, and a failed task of one that waits, was flagged and has a history."""
    tenant = Tenant.create("Acme")
    replay(tenant, lineage_events("openlineage-airflow"))
    with in_organization(tenant.id):
        tasks = list(TaskExecution.objects.filter(processing_status="failed").order_by("id")[:3])
    tenant.api().tag(
        *(operation("add", task.flow_execution_id, task.task_name, "requires_attention") for task in tasks),
        *(operation("add", task.flow_execution_id, task.task_name, "pending_approval") for task in tasks),
    )
    return tenant, tasks[0]


@pytest.fixture
def may_evaluate() -> bool:
    return True


def test_axe_finds_nothing(page: Page, furnished: tuple[Tenant, TaskExecution], troubles: list[str]) -> None:
    tenant, task = furnished
    found = {}
    for name, path in pages_before_log_in().items():
        page.goto(path)
        found[name] = violations(page)
    log_in(page, tenant, "/", "admin")
    for name, path in desk_pages(task).items():
        open_whole(page, path)
        found[name] = violations(page)
    for name, path in admin_pages(tenant).items():
        answer = page.goto(path)
        if answer is not None and answer.ok:
            # On a phone and in the dark the pages of one kind differ no more: one of each is enough.
            is_model = name.startswith("tasktag") or " " not in name
            found[name] = violations(page) if is_model else _violations(page, "desktop", "light")
    forgive(troubles, "Failed to load resource")  # the forms for what the admin does not make
    assert {name: what for name, what in found.items() if what} == {}
    assert len(found) > 10


def violations(page: Page) -> list[str]:
    """All rules twice: what hangs on colours differs by scheme, what hangs on the layout by size."""
    return _violations(page, "desktop", "light") + _violations(page, "phone", "dark")


_AXE = Axe().axe_script
# Of what it found, the violations alone are handed over.
_RUN_AXE = "axe.run({resultTypes: ['violations']}).then(results => results.violations)"
_WAIT_FOR_COLOURS = """() => {
    const ending = document.getAnimations().filter(one => one.effect.getComputedTiming().endTime !== Infinity);
    return Promise.allSettled(ending.map(animation => animation.finished));
}"""


def _violations(page: Page, size: str, scheme: Any) -> list[str]:
    page.set_viewport_size(SIZES[size])
    page.emulate_media(color_scheme=scheme)
    page.evaluate(_WAIT_FOR_COLOURS)
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    return [
        f"{size}, {scheme}, {violation['id']}: {node['html'][:200]} ({node['failureSummary'][:300]})"
        for violation in page.evaluate(_RUN_AXE)
        for node in violation["nodes"][:3]
    ]


def test_axe_would_find_something(page: Page) -> None:
    """The control."""
    page.goto("/log-in")
    page.evaluate("document.querySelector('label').remove()")
    assert violations(page)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_while_a_page_loads(page: Page, furnished: tuple[Tenant, TaskExecution], size: str) -> None:
    tenant, task = furnished
    page.set_viewport_size(SIZES[size])
    page.add_init_script(WATCH_SHIFTS)
    log_in(page, tenant, "/", "admin")
    moving = {}
    for name, path in desk_pages(task).items():
        page.goto(path, wait_until="networkidle")
        if shifts := page.evaluate("window.shifts"):
            moving[name] = shifts
    assert moving == {}


def test_a_page_is_small(page: Page, furnished: tuple[Tenant, TaskExecution]) -> None:
    tenant, task = furnished
    log_in(page, tenant, "/", "admin")
    sent: dict[str, int] = {}
    sizes = {name: weight(page, path, sent) for name, path in desk_pages(task).items()}
    assert {name: size for name, size in sizes.items() if size > MOST_BYTES} == {}
    assert min(sizes.values()) > 1000


def weight(page: Page, path: str, sent: dict[str, int]) -> int:
    """The bytes of all that the page loads, each as gzip would send it; `sent` has those of earlier pages."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    page.goto(path, wait_until="networkidle")
    page.remove_listener("request", note)
    for url in {request.url for request in asked} - sent.keys():
        sent[url] = len(gzip.compress(page.request.get(url).body()))
    return sum(sent[request.url] for request in asked)

"""When a page of the desk is first seen in Chromium (Paint Timing), on the first visit and on a later one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import chromium

GOAL = 300  # milliseconds
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Painted:
    """One page's medians, in milliseconds."""

    title: str
    first_visit: float
    later_visit: float

    @property
    def passed(self) -> bool:
        return max(self.first_visit, self.later_visit) <= GOAL

    def cells(self) -> str:
        verdict = "met" if self.passed else "**missed**"
        return f"| {self.title} | {self.first_visit:.0f} | {self.later_visit:.0f} | {verdict} |"


def first_paints(port: int, cookie: str, paths: Mapping[str, str], rounds: int) -> Iterator[Painted]:
    """Each round is a browser that has been nowhere: nothing of the server's is in its cache."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.program(), args=chromium.ARGUMENTS)
        for title, path in paths.items():
            times = [_visits(browser, f"http://127.0.0.1:{port}", cookie, path) for _ in range(rounds + 1)][1:]
            yield Painted(title, median(first for first, _ in times), median(later for _, later in times))
        browser.close()


def _visits(browser: Browser, url: str, cookie: str, path: str) -> tuple[float, float]:
    with _person(browser, url, cookie) as context:
        page = context.new_page()
        return _visit(page, path), _visit(page, path)


@contextmanager
def _person(browser: Browser, url: str, cookie: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
    yield context
    context.close()


def _visit(page: Page, path: str) -> float:
    page.goto(path, wait_until="networkidle")
    return float(page.wait_for_function(_PAINT).json_value())

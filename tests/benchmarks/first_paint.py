"""When a page of the desk is first seen in Chromium (Paint Timing), on the first visit and on the next one; and when
what comes after the page is there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import chromium

GOAL = 300  # milliseconds
FIRST_PAINT = """new Promise((resolve) => {
    const tell = (entry) => entry.name === "first-contentful-paint" && resolve(entry.startTime);
    new PerformanceObserver((list) => list.getEntries().forEach(tell)).observe({ type: "paint", buffered: true });
})"""
# At the first frame that has them.
FIGURES = """new Promise((resolve) => {
    const look = (time) => document.querySelector(".tiles .figure") ? resolve(time) : requestAnimationFrame(look);
    requestAnimationFrame(look);
})"""


@dataclass(frozen=True)
class Painted:
    """One page's medians in milliseconds: of the first visit and of the next, in each of the organizations."""

    title: str
    times: tuple[float, ...]
    has_goal: bool = True

    @property
    def passed(self) -> bool:
        return max(self.times) <= GOAL

    def cells(self) -> str:
        figures = " | ".join(f"{time:.0f}" for time in self.times)
        verdict = ("met" if self.passed else "**missed**") if self.has_goal else ""
        return f"| {self.title} | {figures} | {verdict} |"


def table(painted: Sequence[Painted], sizes: Sequence[str]) -> str:
    """In Markdown."""
    columns = " | ".join(f"{size}: first visit | next" for size in sizes)
    head = [f"| | {columns} | at most {GOAL} ms |", f"| --- |{' ---: |' * len(sizes) * 2} --- |"]
    return "\n".join([*head, *(one.cells() for one in painted)])


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.program(), args=chromium.ARGUMENTS)
        yield started
        started.close()


def visits(browser: Browser, url: str, cookie: str, path: str, until: str, rounds: int) -> tuple[float, float]:
    """Milliseconds `until` FIRST_PAINT or FIGURES, of the first visit and of the next.

    Each round is a person who has been nowhere: nothing of the server's is in their cache.
    """
    times = [_visits(browser, url, cookie, path, until) for _ in range(rounds + 1)][1:]
    return median(first for first, _ in times), median(next_ for _, next_ in times)


def _visits(browser: Browser, url: str, cookie: str, path: str, until: str) -> tuple[float, float]:
    with _person(browser, url, cookie) as context:
        page = context.new_page()
        return _visit(page, path, until), _visit(page, path, until)


@contextmanager
def _person(browser: Browser, url: str, cookie: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
    yield context
    context.close()


def _visit(page: Page, path: str, until: str) -> float:
    page.goto(path)
    return float(page.evaluate(until))

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser import chromium
from tests.live.conftest import LiveServer, live  # noqa: F401  # a fixture


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed before other tests run: Playwright keeps an event loop in this thread, in which Django would not ask."""
    try:
        path = chromium.program()
    except LookupError as missing:
        pytest.fail(str(missing), pytrace=False)
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "on")
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """What the console reported, and requests to other hosts. A test that makes trouble takes its own out."""
    return []


@pytest.fixture
def may_evaluate() -> bool:
    """Whether a test hands its page code as text, which the content security policy forbids to everybody else."""
    return False


@pytest.fixture
def context(
    browser: Browser,
    live: LiveServer,  # noqa: F811  # the fixture of that name
    troubles: list[str],
    may_evaluate: bool,
) -> Iterator[BrowserContext]:
    """A person's browser, with nobody logged in."""
    context = browser.new_context(base_url=live.url, locale="en-GB", timezone_id="UTC", bypass_csp=may_evaluate)
    context.set_default_timeout(15_000)
    context.on("console", lambda message: _note_error(message, troubles))
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on("request", lambda request: _note_foreign(request.url, live, troubles))
    yield context
    context.close()
    assert troubles == []


def _note_error(message: ConsoleMessage, troubles: list[str]) -> None:
    """Only of an icon for what is no page may the browser complain."""
    if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
        troubles.append(message.text)


def _note_foreign(url: str, server: LiveServer, troubles: list[str]) -> None:
    address = urlsplit(url)
    if address.scheme in ("http", "https") and address.port != server.port:
        troubles.append(f"a request to {url}")


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def other(browser: Browser, live: LiveServer) -> Iterator[Page]:  # noqa: F811  # the fixture of that name
    """The browser of another person."""
    context = browser.new_context(base_url=live.url)
    yield context.new_page()
    context.close()

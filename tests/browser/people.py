"""What people do in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from playwright.sync_api import Page, Response, expect

from tests.cast import PASSWORD, Tenant
from tests.clients import Client
from tests.live.conftest import LiveServer

# Milliseconds in which what must happen has happened.
PATIENCE = 15_000
expect.set_options(timeout=PATIENCE)


def log_in(page: Page, tenant: Tenant, to: str = "/live", who: str = "reviewer") -> None:
    """Come to a page with a session; to come to one by filling in the form takes a second of computing."""
    client = Client()
    client.force_login(getattr(tenant, who))
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "127.0.0.1", "path": "/"}])
    page.goto(to)


def log_in_by_form(page: Page, tenant: Tenant, to: str, who: str = "reviewer") -> None:
    """Ask for a page, be sent to the log-in, and from there to the page."""
    page.goto(to)
    page.get_by_label("User name").fill(getattr(tenant, who).username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/log-in" not in url)


def open_whole(page: Page, path: str) -> Response | None:
    """Come to a page, and wait for what it asks for itself."""
    answer = page.goto(path)
    page.wait_for_selector(".htmx-request", state="detached")
    return answer


def wait_until_live(page: Page) -> None:
    expect(page.locator("#state")).to_contain_text("Live")


def shown(page: Page) -> list[int]:
    """Positions of the events in the list, from the top."""
    positions = page.locator("#events > li").evaluate_all("rows => rows.map(row => Number(row.dataset.sequence))")
    return [int(position) for position in positions]


def wait_until_shown(page: Page, newest: int) -> None:
    expect(page.locator("#events > li").first).to_have_attribute("data-sequence", str(newest))


@contextmanager
def server_away(live: LiveServer, troubles: list[str]) -> Iterator[None]:
    """Killed, and started again whatever happens; the console's complaints about that are no trouble."""
    live.kill()
    try:
        yield
    finally:
        live.start()
        forgive(troubles, "WebSocket connection to")


def forgive(troubles: list[str], words: str) -> None:
    troubles[:] = [trouble for trouble in troubles if words not in trouble]

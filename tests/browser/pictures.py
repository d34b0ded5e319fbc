"""Pictures of every page with the demo's data: desktop and phone, light and dark; `make pictures` puts them into docs/.

The demo is a new one, in a folder that is thrown away.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium
from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "docs" / "pictures"
SIZES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SCHEMES: list[Any] = ["light", "dark"]


# The demo has no longer run than one of this flow.
_OF_MANY_TASKS = "show=all&flow=example_task_group"


class Pictures:
    """One browser at one size in one scheme."""

    def __init__(self, page: Page, size: str, scheme: str, folder: Path) -> None:
        self._page, self._folder = page, folder
        self._ending = f"{size}-{scheme}.png"

    def take(self, name: str, path: str | None = None) -> None:
        if path is not None:
            self._page.goto(path)
        self._page.wait_for_load_state("networkidle")
        self._page.screenshot(path=self._folder / f"{name}-{self._ending}", animations="disabled")

    def take_all(self, person: dict[str, str]) -> None:
        self.take("log-in", "/log-in")
        self._log_in(person)
        self.take("inbox", "/")
        self._page.keyboard.press("?")
        self.take("keys")
        self._page.keyboard.press("Escape")
        task = self._first("a[href^='/tasks/']", "/?tag=pending_approval")
        self.take("task", task)
        failed = self._first("a[href^='/tasks/']", "/?tag=requires_attention&status=failed")
        self.take("task-failed", failed)
        self.take("correct", f"{urlsplit(task).path}/correct")
        self.take("run", self._first("a[href^='/runs/']", self._first("a[href^='/tasks/']", f"/?{_OF_MANY_TASKS}")))
        for name in ("account", "activity", "insights", "live", "admin/", "admin/tags/tasktag/"):
            self.take(name.strip("/").replace("/", "-"), f"/{name}")

    def _log_in(self, person: dict[str, str]) -> None:
        self._page.get_by_label("User name").fill(person["username"])
        self._page.get_by_label("Password", exact=True).fill(person["password"])
        self._page.get_by_role("button", name="Log in").click()
        self._page.wait_for_url(lambda url: "/log-in" not in url)

    def _first(self, selector: str, path: str) -> str:
        self._page.goto(path)
        return str(self._page.locator(selector).first.get_attribute("href"))


@contextmanager
def demo() -> Iterator[tuple[str, dict[str, Any]]]:
    """Its address, and what its demo.json holds."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "VAR_DIR": folder, "PORT": str(port)}
        process = subprocess.Popen([sys.executable, "-m", "tagsite.demo"], cwd=PROJECT, env=environment)
        try:
            _wait_until_ready(url, process)
            yield url, json.loads((Path(folder) / "demo.json").read_text())
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        if process.poll() is not None:
            break
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the demo did not become ready")


def take_pictures(browser: Browser, folder: Path) -> None:
    with demo() as (url, known):
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                context = browser.new_context(
                    base_url=url, viewport=viewport, color_scheme=scheme, locale="en-GB", timezone_id="UTC"
                )
                Pictures(context.new_page(), size, scheme, folder).take_all(known["users"]["admin"])
                context.close()


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    wanted.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium.program(), args=chromium.ARGUMENTS)
        take_pictures(chrome, wanted)
        chrome.close()

"""The system's Chromium, and how it is started."""

import os
import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "These tests need Chromium: `apt-get install chromium`, or let CHROMIUM name the program."
    " To leave them out: make test ARGS=--ignore=tests/browser"
)
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def program() -> str:
    """Raises LookupError, with what to do."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise LookupError(f"{named} is not a program. {MISSING}" if named else MISSING)
    return found

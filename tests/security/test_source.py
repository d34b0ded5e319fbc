"""What the source does not do at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.database import PROJECT

# Ways out to other hosts. The demo and the trial of Airflow call this machine alone.
CLIENTS = {"urllib.request", "http.client", "httpx", "requests", "aiohttp", "smtplib", "ftplib", "urllib3"}
CALLING_THIS_MACHINE = {"demo.py", "try_airflow.py"}
# Readers that a document can make run code, or grow without end.
DANGEROUS = {"pickle", "marshal", "shelve", "yaml", "xml", "lxml", "dill", "jsonpickle"}


def imports() -> Iterator[tuple[Path, str]]:
    for path in [*(PROJECT / "tags").rglob("*.py"), *(PROJECT / "tagsite").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def importing(names: set[str]) -> set[str]:
    return {path.name for path, name in imports() if any(f"{name}.".startswith(f"{other}.") for other in names)}


def test_the_service_calls_no_other_host() -> None:
    assert importing(CLIENTS) - CALLING_THIS_MACHINE == set()
    assert importing(CLIENTS) != set()  # the control


def test_nothing_is_read_that_can_run_code() -> None:
    assert importing(DANGEROUS) == set()

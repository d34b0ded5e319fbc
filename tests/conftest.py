import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from tests.cast import Tenant
from tests.database import OWNER_URL, PROJECT
from tests.ports import free_port

# Started in the background of a shell, this process ignores Ctrl-C, and so would every process that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Their tests wait for processes, browsers and deadlines, or are many in one file.
_SLOW = ("live", "setup", "operations", "browser", "ingest", "tenancy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that the processes of a run end together."""
    items.sort(key=lambda item: item.path.parent.name not in _SLOW)


@pytest.fixture(scope="session", autouse=True)
def django_db_setup(django_db_blocker) -> Iterator[None]:
    """The schema, made by the owner; the tests then work as the application's plain role, with real commits."""
    django_db_blocker.unblock()
    call_command("migrate", verbosity=0)
    connections["owner"].close()
    yield
    connections["default"].close()
    connections["default"].close_pool()


@pytest.fixture(autouse=True)
def _connected() -> None:
    """Tests of lost databases cut every connection of this process; the next test begins with one that works."""
    connection = connections["default"]
    for _ in range(20):  # as many as the pool may hold, and some
        if connection.connection is None or connection.is_usable():
            return
        connection.close()
        connection.ensure_connection()


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.create("Acme")


@pytest.fixture
def neighbour() -> Tenant:
    """Another organization, whose rows must never show."""
    return Tenant.create("Neighbour")


@pytest.fixture(scope="session")
def owner() -> Iterator[psycopg.Connection]:
    """A connection past row-level security, for looking at what is really stored. One for all: a new one knows nothing
    of the tables, and each statement of a test would have the server read of them first.
    """
    with psycopg.connect(OWNER_URL, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The product's own web server, a process of its own on a real socket."""
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(command, cwd=PROJECT, env=os.environ)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90  # on a machine that does much else
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the server did not become ready")

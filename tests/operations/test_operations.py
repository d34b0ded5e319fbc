"""What an operator sees: health, readiness, metrics and logs, of real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from django.db import connection

from tagsite.keeper import Pause
from tests.cast import Tenant, operation
from tests.conftest import wait_until_ready
from tests.database import OWNER_URL, PROJECT
from tests.ports import free_port

METRICS_TOKEN = "open sesame"


class Server:
    """`manage.py serve` with its log in a file."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port), "--workers", "2"]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env={**os.environ, "LOG_LEVEL": "INFO", **environment}, stderr=output
            )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Server]:
    server = Server(folder / "log", **environment)
    try:
        wait_until_ready(server.url, server.process)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("server"), METRICS_TOKEN=METRICS_TOKEN) as server:
        yield server


def test_healthz_and_readyz_answer(server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        answer = httpx.get(server.url + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_tells_of_a_schema_that_is_behind(server: Server, owner: psycopg.Connection) -> None:
    (newest,) = owner.execute("SELECT max(name) FROM django_migrations WHERE app = 'tags'").fetchone() or ("",)
    applied = owner.execute("DELETE FROM django_migrations WHERE name = %s RETURNING applied", [newest]).fetchone()
    try:
        answer = httpx.get(f"{server.url}/readyz")
    finally:
        assert applied is not None
        record = "INSERT INTO django_migrations (app, name, applied) VALUES ('tags', %s, %s)"
        owner.execute(record, [newest, *applied])
    assert (answer.status_code, answer.json()) == (503, {"status": "1 migrations to apply"})


def test_without_the_database_the_process_lives_but_is_not_ready(
    tmp_path: Path, owner: psycopg.Connection, tenant: Tenant
) -> None:
    name = owner.info.dbname
    with (
        running(tmp_path, DATABASE_POOL_TIMEOUT="2") as server,
        psycopg.connect(OWNER_URL, dbname="postgres", autocommit=True) as elsewhere,
    ):
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = %s", [name, name]
        )
        try:
            alive = httpx.get(f"{server.url}/healthz")
            ready = httpx.get(f"{server.url}/readyz", timeout=30)
            call = httpx.get(f"{server.url}/api/events", headers={"X-API-Key": tenant.token}, timeout=30)
        finally:
            elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            connection.close()  # the test's own was ended too
    assert alive.status_code == 200
    assert ready.status_code == 503
    assert call.status_code == 503
    assert call.json()["error"]["code"] == "repository_error"
    assert int(call.headers["Retry-After"]) > 0


def test_metrics_count_over_all_processes(server: Server, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = metrics(server)
    for number in range(20):  # enough to meet both processes
        tag(server, tenant, operation("add", execution, "extract", f"tag {number}"))

    counted = {name: figure - before.get(name, 0) for name, figure in metrics(server).items()}

    assert counted['tagsite_request_seconds_count{method="PATCH",route="api/task-tags",status="200"}'] == 20
    assert counted["tagsite_batch_operations_count"] == 20
    assert counted["tagsite_batch_seconds_count"] == 20
    assert counted['tagsite_events_total{type="task_tag.added"}'] == 20
    assert counted["tagsite_statements_total"] >= 20 * 5


def test_metrics_name_no_organization_and_no_path_of_a_caller(server: Server, tenant: Tenant) -> None:
    httpx.get(f"{server.url}/api/task-executions/{tenant.id}", headers={"X-API-Key": tenant.token})
    httpx.get(f"{server.url}/api/invented/{tenant.id}")
    httpx.request("BREW", f"{server.url}/healthz")
    text = metrics_text(server)
    assert str(tenant.id) not in text
    assert "BREW" not in text


def test_web_processes_that_die_again_and_again_are_replaced(server: Server) -> None:
    """Granian alone would take it for a reason to end. Each time they have to wait longer."""
    begun = time.monotonic()
    dead: set[int] = set()
    for _ in range(3):
        workers = _wait_for_workers(server, dead)
        dead |= {worker.pid for worker in workers}
        for worker in workers:
            worker.kill()
    _wait_for_workers(server, dead)
    assert time.monotonic() - begun > 0.2 + 0.4 + 0.8
    wait_until_ready(server.url, server.process)


def test_what_cannot_live_is_started_again_less_and_less_often() -> None:
    pause = Pause()
    assert [pause.after(0.1) for _ in range(8)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert [pause.after(lived) for lived in (61, 59, 0)] == [0.2, 0.4, 0.8]


def _wait_for_workers(server: Server, dead: set[int]) -> list[psutil.Process]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = psutil.Process(server.process.pid).children()
        workers = [child for child in children if child.pid not in dead and _is_web(child)]
        if len(workers) == 2:
            return workers
        time.sleep(0.05)
    raise TimeoutError("no two web processes")


def _is_web(child: psutil.Process) -> bool:
    """And not the keeper of what stands beside them."""
    return child.status() != psutil.STATUS_ZOMBIE and "web" in child.cmdline()


def test_metrics_can_be_locked(server: Server) -> None:
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    wrong = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}x"})
    assert wrong.status_code == 401
    assert metrics(server)


def test_each_request_has_a_line_that_names_who_and_which(server: Server, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    answer = tag(server, tenant, operation("add", execution, "extract", "approved"))
    anonymous = httpx.get(f"{server.url}/api/events")  # without a credential, by the same threads

    lines = {line["request_id"]: line for line in server.log_lines() if "status" in line}
    line, other = (lines[one.headers["X-Request-ID"]] for one in (answer, anonymous))

    assert (line["method"], line["path"], line["status"]) == ("PATCH", "/api/task-tags", 200)
    assert line["organization"] == str(tenant.id)
    assert line["actor"].startswith("service_account:")
    assert (other["status"], other["organization"], other["actor"]) == (401, "", "")


def test_a_process_remembers_where_a_path_leads_only_if_there_are_few_of_the_kind() -> None:
    program = """
import uuid
from django.test import RequestFactory
from django.urls import Resolver404
from tagsite.wsgi import Handler
handler = Handler()
for number in range(100):
    for path in ["/api/events", f"/api/flow-executions/{uuid.uuid4()}", f"/api/nowhere/{number}", f"/nowhere/{number}"]:
        try:
            match = handler.resolve_request(RequestFactory().get(path))
        except Resolver404:
            continue
        assert [str(value) in path for value in match.kwargs.values()] == [True] * len(match.kwargs)
print(*handler._plain)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "/api/events\n", done.stderr


def test_no_secret_reaches_the_log(server: Server, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tag(server, tenant, operation("add", execution, "extract", "approved", tag_metadata={"note": "canary-metadata"}))
    httpx.post(f"{server.url}/api/auth/token", json={"username": "x", "password": "canary-password"})
    httpx.get(f"{server.url}/api/events?after=canary-query", headers={"Authorization": "Bearer canary-token"})

    log = json.dumps(server.log_lines())

    assert tenant.token not in log
    assert "canary" not in log


def tag(server: Server, tenant: Tenant, *operations: dict[str, Any]) -> httpx.Response:
    answer = httpx.patch(
        f"{server.url}/api/task-tags", json={"tags": list(operations)}, headers={"X-API-Key": tenant.token}
    )
    assert answer.status_code == 200
    return answer


def metrics(server: Server) -> dict[str, float]:
    lines = metrics_text(server).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def metrics_text(server: Server) -> str:
    answer = httpx.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    return answer.text

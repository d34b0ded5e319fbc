"""`make demo`, as a newcomer starts it: a process of its own, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.database import PROJECT
from tests.ports import free_port


class Demo:
    """Its tests share one that runs: to start it takes seconds of computing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None
        self._greeting = ""

    def start(self, under: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "DJANGO_"))}
        variables = {**inherited, "VAR_DIR": str(self.folder), "PORT": str(self.port), **environment}
        return subprocess.Popen(
            [*under, sys.executable, "-m", "tagsite.demo"],
            cwd=PROJECT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> str:
        """Start it unless it runs; gives what it printed up to the curl line."""
        if self._process is None:
            process = self.start()
            self._greeting = wait_for_greeting(process)
            self._process = process
        return self._greeting

    def end(self, how: signal.Signals = signal.SIGINT) -> int | None:
        """Its exit code; None if it did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(how)
        process.communicate(timeout=30)
        return process.returncode

    @property
    def file(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return content

    def tag(self, name: str) -> httpx.Response:
        body = {
            "operation": "add",
            "flow_execution_id": self.file["flow_execution_id"],
            "task_name": "extract_fields",
            "tag": name,
            "tag_type": "review",
        }
        return httpx.patch(
            f"{self.file['url']}/api/task-tags", json={"tags": [body]}, headers={"X-API-Key": self.file["api_key"]}
        )

    def tags_of_rules(self) -> set[str]:
        url, headers = f"{self.file['url']}/api/task-executions?limit=1000", {"X-API-Key": self.file["api_key"]}
        tasks = httpx.get(url, headers=headers).json()["task_executions"]
        return {tag["tag"] for task in tasks for tag in task["tags"] if tag["modified_by"] == "rule"}


def wait_for_greeting(process: subprocess.Popen[str]) -> str:
    """What it printed up to the curl line. Raises if it ended before."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C stops" in line:
            return printed
    raise AssertionError(f"the demo ended: {printed}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "var")
    yield demo
    demo.end()
    EmbeddedPostgres(demo.folder / "postgres").stop()


def test_the_printed_curl_line_works_when_pasted(demo: Demo) -> None:
    printed = demo.run()
    curl = printed[printed.index("curl -X PATCH") : printed.index("\n\n", printed.index("curl -X PATCH"))]
    answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == {"tags": [{"status": "added"}]}


def test_each_person_of_the_demo_can_log_in(demo: Demo) -> None:
    demo.run()
    for user in demo.file["users"].values():
        answer = httpx.post(f"{demo.file['url']}/api/auth/token", json=user)
        assert answer.status_code == 200, answer.text


def test_a_port_in_use_is_a_sentence_and_leaves_the_running_demo_alone(demo: Demo) -> None:
    demo.run()
    second = demo.start()
    printed, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"Port {demo.port} of 127.0.0.1 is in use." in printed
    assert "Traceback" not in printed
    assert demo.tag("still there").status_code == 200


def test_a_second_start_keeps_the_data(demo: Demo) -> None:
    demo.run()
    before = demo.file
    assert demo.tag("kept").json() == {"tags": [{"status": "added"}]}
    demo.end()

    demo.run()
    assert demo.file == before
    assert demo.tag("kept").json() == {"tags": [{"status": "already_exists"}]}
    assert {"requires_attention", "pending_approval", "requires_review"} <= demo.tags_of_rules()


def test_a_killed_demo_is_taken_over_by_the_next_start(demo: Demo) -> None:
    demo.run()
    demo.tag("kept")
    demo.end(signal.SIGKILL)

    demo.run()
    assert demo.tag("kept").json() == {"tags": [{"status": "already_exists"}]}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_its_end_leaves_nothing_running(demo: Demo, how: signal.Signals) -> None:
    """Ctrl-C, a service manager's stop, a terminal that is closed."""
    demo.run()
    assert demo.end(how) in (0, -how, 128 + how)
    assert not EmbeddedPostgres(demo.folder / "postgres").is_running()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{demo.port}/healthz")


def test_with_nohup_it_outlives_its_terminal(demo: Demo) -> None:
    demo.end()
    process = demo.start(under=["nohup"])
    try:
        wait_for_greeting(process)
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert httpx.get(f"http://127.0.0.1:{demo.port}/healthz").status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_lost_demo_file_means_new_credentials_for_the_same_data(demo: Demo) -> None:
    demo.run()
    before = demo.file
    demo.end()
    (demo.folder / "demo.json").unlink()
    demo.run()
    assert demo.file["organization_id"] == before["organization_id"]
    assert demo.file["api_key"] != before["api_key"]
    assert demo.tag("x").status_code == 200


def test_a_data_folder_of_another_version_is_a_sentence(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    data = demo.folder / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("14\n")
    process = demo.start()
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "14" in printed
    assert "Traceback" not in printed

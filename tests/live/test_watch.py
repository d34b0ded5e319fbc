"""`manage.py watch`: the stream in a terminal."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cast import Tenant, operation
from tests.database import PROJECT
from tests.live.test_socket import newest


@contextmanager
def watching(tenant: Tenant, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "manage.py", "watch", "--organization", str(tenant.id), *options]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def read(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Ctrl-C; the exit status and what was said on stderr."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    return process.returncode, said


def test_it_prints_what_was_and_what_happens_and_tells_where_to_go_on(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with watching(tenant, "--after", "0") as process:
        first = read(process, 2)
        tenant.api("reviewer").tag(operation("add", execution, "extract", "approved"))
        (line,) = read(process, 1)
        status, said = end(process)
    assert [text.split("  ")[0] for text in first] == ["1", "2"]
    position, _, kind, subject, what, actor = line.split("  ")
    assert (position, kind, subject) == ("3", "task_tag.added", f"{execution.id}/extract")
    assert (what, actor) == ("review: approved", f"user:{tenant.reviewer.id}")
    assert (status, said) == (0, "To go on from here: --after 3\n")


def test_without_a_position_it_begins_now_and_filters_select(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "pay")
    with watching(tenant, "--task-name", "pay", "--type", "tagsite.task_tag.added", "--json") as process:
        time.sleep(3)  # until it listens
        tenant.api().tag(operation("add", execution, "extract", "a"), operation("add", execution, "pay", "b"))
        event: dict[str, Any] = json.loads(read(process, 1)[0])
    assert (event["type"], event["data"]["tag"], int(event["sequence"])) == ("tagsite.task_tag.added", "b", 5)


def test_another_organization_is_not_seen(tenant: Tenant, neighbour: Tenant) -> None:
    neighbour.execution("secret")
    tenant.execution("extract")
    with watching(tenant, "--after", "0") as process:
        assert "secret" not in "".join(read(process, 2))


def test_a_position_ahead_is_told(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with watching(tenant, "--after", "99") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "That position is not in the stream, or no longer; going on after 2.\n"
        tenant.api().tag(operation("add", execution, "extract", "a"))
        assert read(process, 1)[0].startswith("3  ")


def test_names_cannot_play_with_the_terminal(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "a\x1b[2J\nb"))
    with watching(tenant, "--after", str(newest(tenant) - 1)) as process:
        assert "review: a\\x1b[2J\\nb" in read(process, 1)[0]


def test_it_ends_when_its_reader_has_gone(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with watching(tenant, "--after", "0") as process:
        read(process, 1)
        assert process.stdout is not None
        process.stdout.close()
        tenant.api().tag(operation("add", execution, "extract", "a"))
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "required: --organization"),
        (["--organization", "x"], "'x' is no UUID"),
        (["--organization", "01890000-0000-7000-8000-000000000000"], "There is no organization"),
        (["--organization", "01890000-0000-7000-8000-000000000000", "--after", "-1"], "is no position"),
        (["--organization", "01890000-0000-7000-8000-000000000000", "--type", "x"], "is none of"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(options: list[str], said: str) -> None:
    command = [sys.executable, "manage.py", "watch", *options]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr

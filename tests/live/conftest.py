import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conftest import free_port, wait_until_ready
from tests.database import PROJECT


class LiveServer:
    """`manage.py serve --one-process`: a real process with web and sockets on one port, that can be killed."""

    def __init__(self, *options: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/ws/events"
        self._options = options or ("--one-process",)
        self._environment = {**os.environ, **environment}
        self.start()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port), *self._options]
        self.process = subprocess.Popen(command, cwd=PROJECT, env=self._environment)
        wait_until_ready(self.url, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="session")
def live(django_db_setup: None) -> Iterator[LiveServer]:
    with closing(LiveServer()) as server:
        yield server

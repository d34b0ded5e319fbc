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


def _keep(commands: Sequence[tuple[str, ...]]) -> None:
    processes: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
    try:
        while True:
            for command in commands:
                if command not in processes or processes[command].poll() is not None:
                    processes[command] = _start(*command)
            time.sleep(0.5)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait()


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

"""The web server: Granian in WSGI mode, several worker processes with several threads each.

Granian measured best here (docs/performance.md). Its workers import `tagsite.wsgi` and have no state of their own.
"""

import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from granian import Granian
from granian.constants import HTTPModes, Interfaces

# Which process the workers belong to: when it is gone, so are they (`end_with_server`).
_SERVER_PID = "TAGSITE_SERVER_PID"
# A killed server's port is free as soon as its workers have noticed.
_PORT_PATIENCE = 3.0


class PortInUseError(Exception):
    """Says to the person at the terminal what is wrong and what to do."""


def check_port(host: str, port: int) -> None:
    """Raise PortInUseError if somebody else listens there."""
    deadline = time.monotonic() + _PORT_PATIENCE
    while not _is_free(host, port):
        if time.monotonic() > deadline:
            raise PortInUseError(
                f"Port {port} of {host} is in use. Stop the program that uses it, or choose another port."
            )
        time.sleep(0.1)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def serve(host: str, port: int, workers: int, threads: int, metrics_folder: Path) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished.

    The calling process must not have imported Django: the workers are its forks, and their metrics choose at import
    where they are kept.
    """
    shutil.rmtree(metrics_folder, ignore_errors=True)
    metrics_folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_folder)
    os.environ[_SERVER_PID] = str(os.getpid())
    Granian(
        "tagsite.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        blocking_threads=threads,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_enabled=False,
    ).serve()


def replace_process_by_server(host: str, port: int, workers: int, threads: int, metrics_folder: Path) -> NoReturn:
    """The same in a fresh process that takes this one's place."""
    arguments = [host, str(port), str(workers), str(threads), str(metrics_folder)]
    os.execv(sys.executable, [sys.executable, "-m", "tagsite.server", *arguments])  # noqa: S606  # our own program


def end_with_server() -> None:
    """In a worker: end when the server process is gone, even if it was killed and could not say so."""
    server = os.environ.get(_SERVER_PID)
    if server is not None:
        threading.Thread(target=_watch, args=[int(server)], daemon=True).start()


def _watch(server: int) -> None:
    while os.getppid() == server:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    _host, _port, _workers, _threads, _folder = sys.argv[1:]
    serve(_host, int(_port), int(_workers), int(_threads), Path(_folder))

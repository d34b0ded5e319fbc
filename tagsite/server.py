"""The servers: Granian for the web, uvicorn for sockets.

The web is served by several worker processes of Granian in WSGI mode with several threads each, which measured best
(docs/performance.md). Sockets have a process of their own beside them, or one process serves both on one port. The
sealer is a process of its own always.
"""

import os
import shutil
import socket
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NoReturn

from granian.constants import HTTPModes, Interfaces
from granian.server.mp import MPServer

from tagsite.keeper import SERVER_PID, Pause, running

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


class _Server(MPServer):
    """Granian that replaces its dead workers, however often they die; not at once one that cannot live.

    Its own loop ends the server, and all other workers with it, if one dies twice within seconds; and it can miss one
    that dies while it looks after another.
    """

    def _serve_loop(self, *how_to_spawn: Any) -> None:
        pauses: defaultdict[int, Pause] = defaultdict(Pause)
        due: dict[int, float] = {}
        while True:
            self.main_loop_interrupt.wait(min(due.values()) - time.monotonic() if due else None)
            if self.interrupt_signal:
                break
            self.main_loop_interrupt.clear()  # before looking: whoever dies from now on sets it again
            now = time.monotonic()
            for dead in {self.interrupt_children.pop() for _ in range(len(self.interrupt_children))}:
                due[dead] = now + pauses[dead].after(now - self.wrks[dead].birth)
            ready = sorted(dead for dead, moment in due.items() if moment <= now)
            due = {dead: moment for dead, moment in due.items() if dead not in ready}
            self._respawn_workers(ready, *how_to_spawn)


def serve_web(
    host: str, port: int, workers: int, threads: int, metrics_folder: Path, socket_port: int | None = None
) -> None:
    """Serve the web until SIGINT or SIGTERM; requests under way are finished. With `socket_port`, sockets beside it.

    The calling process must not have imported Django: the workers are its forks, and their metrics choose at import
    where they are kept.
    """
    _share_metrics(metrics_folder)
    os.environ[SERVER_PID] = str(os.getpid())
    sockets = [] if socket_port is None else [host, socket_port]
    # Before the workers: were it started from a thread, one of them could inherit the pipe that Popen waits on.
    with running("tagsite.keeper", *sockets):
        _Server(
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


def serve_all(host: str, port: int, metrics_folder: Path) -> None:
    """Serve web and sockets on one port, from this one process; it must not have imported Django yet."""
    _share_metrics(metrics_folder)
    with running("tagsite.keeper"):
        _serve_sockets(host, port)


def _serve_sockets(host: str, port: int) -> None:
    # Here, so that the web's workers, which import this module, do without.
    import uvicorn

    from tagsite.socket_protocol import SocketProtocol

    uvicorn.run(
        "tagsite.asgi:application",
        host=host,
        port=port,
        ws=SocketProtocol,
        # A message is a few names; a client that does not answer within 25 s is gone.
        ws_max_size=16 * 1024,
        ws_ping_interval=15,
        ws_ping_timeout=10,
        # Compression would cost each socket more memory than all else together.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # Django decides whom to believe
        server_header=False,
        timeout_graceful_shutdown=5,
        backlog=8192,
    )


def _share_metrics(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def replace_process_by_server(what: str, *arguments: object) -> NoReturn:
    """`web`, `all` or `sockets`, with the arguments of its function above, in a fresh process in place of this one."""
    os.execv(sys.executable, [sys.executable, "-m", "tagsite.server", what, *map(str, arguments)])  # noqa: S606  # our own program


def main(what: str, host: str, port: str, *more: str) -> None:
    if what == "sockets":
        _serve_sockets(host, int(port))
    elif what == "all":
        serve_all(host, int(port), Path(more[0]))
    else:
        workers, threads, folder, *socket_port = more
        serve_web(host, int(port), int(workers), int(threads), Path(folder), *map(int, socket_port))


if __name__ == "__main__":
    main(*sys.argv[1:])

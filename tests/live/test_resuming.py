"""Processes are killed at random moments under load; clients that resume see 1..N without gap or repeat."""

import random
import threading
import time
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.cast import Tenant, operation
from tests.live.client import listening, positions
from tests.live.conftest import LiveServer
from tests.live.test_socket import newest

KILLS = 5
CLIENTS = 20
LOST = (ConnectionClosed, ConnectionError, InvalidMessage, InvalidStatus, TimeoutError, EOFError)


class Resuming(threading.Thread):
    """A client that comes back with the last position it saw, until it has seen the last of all."""

    def __init__(self, live: LiveServer, tenant: Tenant) -> None:
        super().__init__(daemon=True)
        self._live, self._headers = live, tenant.api().headers
        self.seen: list[int] = []
        self.connections = 0
        self.until: int | None = None

    def run(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not self._is_done():
            try:
                self._listen()
            except LOST:
                time.sleep(0.05)

    def _listen(self) -> None:
        with listening(self._live.socket_url, self._headers) as listener:
            after = self.seen[-1] if self.seen else 0
            assert listener.subscribe(after) == {"type": "subscribed", "position": after}
            self.connections += 1
            while not self._is_done():
                self.seen += positions([listener.hear(timeout=1)["event"]])

    def _is_done(self) -> bool:
        return self.until is not None and bool(self.seen) and self.seen[-1] >= self.until


def write_until(stop: threading.Event, tenant: Tenant) -> Callable[[], None]:
    execution = tenant.execution("extract")

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            assert tenant.api().tag(operation("add", execution, "extract", f"tag {number}")).status_code == 200
            time.sleep(random.random() * 0.02)

    return write


def test_clients_resume_without_gap_or_repeat_when_the_server_is_killed(tenant: Tenant) -> None:
    live = LiveServer()
    clients = [Resuming(live, tenant) for _ in range(CLIENTS)]
    stop = threading.Event()
    writer = threading.Thread(target=write_until(stop, tenant))
    try:
        for thread in (*clients, writer):
            thread.start()
        for _ in range(KILLS):
            time.sleep(0.5 + random.random())
            live.kill()
            live.start()
        stop.set()
        writer.join()
        everything = newest(tenant)
        for client in clients:
            client.until = everything
        for client in clients:
            client.join(60)
    finally:
        stop.set()
        live.close()
    assert everything > 50
    for client in clients:
        assert client.seen == list(range(1, everything + 1))
    assert sum(client.connections for client in clients) > CLIENTS  # they were interrupted

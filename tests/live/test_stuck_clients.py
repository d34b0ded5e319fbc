"""Clients that never read are closed, and harm nobody else."""

import asyncio
import base64
import json
import os
import socket
import time
from contextlib import closing
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import connect

from tests.cast import Tenant, operation
from tests.live.servers import LiveServer

STUCK = 50
HEALTHY = 500
# Together more than the 16 MiB that may wait for a socket, and what the system keeps for it.
LARGE = "x" * 60_000
ROUNDS = 45
MB = 2**20


def never_reading(server: LiveServer, headers: dict[str, str]) -> socket.socket:
    """A socket that has subscribed to everything, and from then on reads nothing."""
    line = socket.socket()
    line.settimeout(30)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", server.port))
    fields = {
        "Host": f"127.0.0.1:{server.port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **headers,
    }
    request = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    line.sendall(f"GET /ws/events HTTP/1.1\r\n{request}\r\n".encode())
    assert line.recv(1024).startswith(b"HTTP/1.1 101")
    line.sendall(_masked(json.dumps({"type": "subscribe", "after": None}).encode()))
    return line


def _masked(text: bytes) -> bytes:
    """A text frame of a client, with the mask 0 (RFC 6455, 5.2)."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


class Healthy:
    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url, self._headers = url, headers
        self.is_ready = asyncio.Event()
        self.tags: list[str] = []

    async def run(self, count: int) -> None:
        """Hear so many events of the type `small`, on one connection."""
        async with connect(self._url, additional_headers=self._headers, open_timeout=30, proxy=None) as connection:
            await connection.send(json.dumps({"type": "subscribe", "after": None, "tag_type": "small"}))
            while len(self.tags) < count:
                message = json.loads(await connection.recv())
                self.is_ready.set()
                if message["type"] == "event":
                    self.tags.append(message["event"]["data"]["tag"])


def sockets(server: LiveServer) -> int:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("tagsite_sockets{")))


def ended_as_too_slow(server: LiveServer) -> int:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return int(
        sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'tagsite_sockets_ended_total{code="4429"' in line)
    )


def test_clients_that_never_read_are_closed_and_the_others_hear_everything(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    headers = tenant.api("viewer").headers
    with closing(LiveServer()) as server:
        memory = psutil.Process(server.process.pid).memory_info

        async def run() -> None:
            clients = [Healthy(server.socket_url, headers) for _ in range(HEALTHY)]
            async with asyncio.timeout(150), asyncio.TaskGroup() as hearing:  # one that fails ends the test
                for client in clients:
                    hearing.create_task(client.run(ROUNDS))
                await hurt(clients)
            for client in clients:
                assert client.tags == [f"tag {number}" for number in range(ROUNDS)]

        async def hurt(clients: list[Healthy]) -> None:
            await asyncio.gather(*(client.is_ready.wait() for client in clients))
            stuck = [never_reading(server, tenant.api().headers) for _ in range(STUCK)]
            before, largest = memory().rss, 0
            started = time.monotonic()
            closed_after = None
            async with httpx.AsyncClient(base_url=server.url, headers=tenant.api().headers, timeout=30) as writer:
                for number in range(ROUNDS):
                    answer = await writer.patch("/api/task-tags", json={"tags": _round(number)})
                    assert answer.status_code == 200
                    largest = max(largest, memory().rss)
                    if closed_after is None and ended_as_too_slow(server) == STUCK:
                        closed_after = time.monotonic() - started
                    await asyncio.sleep(0.2)
            assert closed_after is not None
            assert closed_after < 30
            # Each event is kept once, for however many sockets; what the system's own buffers took is not ours.
            assert largest - before < 150 * MB
            for line in stuck:
                line.close()

        def _round(number: int) -> list[dict[str, Any]]:
            small = operation("add", execution, "extract", f"tag {number}", tag_type="small")
            large = operation("add", execution, "extract", f"tag {number}", tag_type="large", tag_metadata=LARGE)
            return [small, *({**large, "tag": f"{number}-{i}"} for i in range(10))]

        asyncio.run(run())

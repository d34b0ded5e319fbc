"""Writers that stall and clients whose lines break: each client's stream is 1..N without gap or repeat, or says so."""

import asyncio
import json
import random
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
from django.db import connection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tags.actions.batch import Operation, OperationKind, apply_batch
from tests.cast import Tenant
from tests.live.servers import LiveServer
from tests.live.test_socket import newest
from tests.races.planting import after

_WRITERS = 8
_LISTENERS = 16  # on sockets
_POLLERS = 4  # by long polls
_MOST_OF_A_BATCH = 10
_PATIENCE = 20.0  # for anything new to anybody


@dataclass(frozen=True)
class Figures:
    events: int
    clients: int
    lines_broken: int
    resets: int


class Client:
    """Keeps its place in the stream, and a digest of all that it heard, over any number of connections."""

    def __init__(self, server: LiveServer, headers: dict[str, str], seed: str) -> None:
        self.server, self.headers = server, headers
        self.chance = random.Random(seed)  # noqa: S311  # not a secret
        self.position = self.connections = self.resets = 0
        self.until: int | None = None
        self.digest = sha256()

    async def run(self) -> None:
        while not self.is_done():
            with suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError, EOFError, httpx.TransportError):
                self.connections += 1
                async with asyncio.timeout(self.chance.uniform(0.05, 2)):
                    await self.listen()

    async def listen(self) -> None:
        """On one connection, until the line breaks."""
        raise NotImplementedError

    def hear(self, event: dict[str, Any]) -> None:
        position = int(event["sequence"])
        assert position == self.position + 1, f"after {self.position} came {position}, and no reset"
        self.position = position
        self.digest.update(event["id"].encode())

    def is_done(self) -> bool:
        return self.until is not None and self.position >= self.until


class Listener(Client):
    async def listen(self) -> None:
        url, headers = self.server.socket_url, self.headers
        async with connect(url, additional_headers=headers, open_timeout=5, close_timeout=1, proxy=None) as line:
            await line.send(json.dumps({"type": "subscribe", "after": self.position}))
            try:
                while not self.is_done():
                    self._take(json.loads(await line.recv()))
            except TimeoutError:
                if self.chance.random() < 0.5:
                    line.transport.abort()  # no good-bye
                raise

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "event":
            self.hear(message["event"])
        elif message["type"] == "reset":
            self.resets, self.position = self.resets + 1, message["position"]


class Poller(Client):
    async def listen(self) -> None:
        async with httpx.AsyncClient(base_url=self.server.url, headers=self.headers) as client:
            while not self.is_done():
                answer = await client.get("/api/events", params={"after": self.position, "wait": 5, "limit": 200})
                for event in answer.json()["events"]:
                    self.hear(event)


def attack(count: int, seed: int) -> Figures:
    tenant = Tenant.create()
    executions = [tenant.execution("extract") for _ in range(4)]
    with closing(LiveServer()) as server:
        headers = tenant.api("viewer").headers
        kinds = [Listener] * _LISTENERS + [Poller] * _POLLERS
        clients = [kind(server, headers, f"{seed}-{number}") for number, kind in enumerate(kinds)]
        writing = threading.Thread(target=_write_all, args=[tenant, [one.id for one in executions], count, seed])
        writing.start()
        asyncio.run(_listen(tenant, clients, writing))
    last = newest(tenant)
    assert last >= count
    _check(clients, last)
    return Figures(
        last,
        len(clients),
        sum(client.connections - 1 for client in clients),
        sum(client.resets for client in clients),
    )


def _check(clients: list[Client], last: int) -> None:
    for client in clients:
        assert client.position == last, f"a client heard up to {client.position} of {last}"
    whole = {client.digest.hexdigest() for client in clients if not client.resets}
    assert len(whole) <= 1, "two clients heard different streams"


async def _listen(tenant: Tenant, clients: list[Client], writing: threading.Thread) -> None:
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client.run())
        await asyncio.to_thread(writing.join)
        last = await asyncio.to_thread(newest, tenant)
        for client in clients:
            client.until = last
        tasks.create_task(_give_up(clients))


async def _give_up(clients: list[Client]) -> None:
    """Who has not heard all when nobody hears anything new any more never will."""
    heard, since = -1, time.monotonic()
    while not all(client.is_done() for client in clients) and time.monotonic() - since < _PATIENCE:
        await asyncio.sleep(0.1)
        if heard != (heard := sum(client.position for client in clients)):
            since = time.monotonic()
    for client in clients:
        client.until = min(client.until or 0, client.position)


def _write_all(tenant: Tenant, executions: list[Any], count: int, seed: int) -> None:
    writers = [
        threading.Thread(target=_write, args=[tenant, executions, count // _WRITERS, f"{seed}-{number}"])
        for number in range(_WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


def _write(tenant: Tenant, executions: list[Any], events: int, name: str) -> None:
    """New tags until this writer has made its share of the events. It stalls now and then, before its commit too."""
    chance = random.Random(name)  # noqa: S311  # not a secret

    def stall() -> None:
        if chance.random() < 0.05:
            time.sleep(chance.uniform(0, 0.2))

    made = 0
    try:
        with after("INSERT INTO event", stall):
            while made < events:
                size = min(chance.randint(1, _MOST_OF_A_BATCH), events - made)
                tags = [f"{name} {made + number}" for number in range(size)]
                execution = chance.choice(executions)
                batch = [Operation(OperationKind.ADD, execution, "extract", tag, "review") for tag in tags]
                apply_batch(batch, tenant.actor, tenant.id)
                made += size
                stall()
    finally:
        connection.close()

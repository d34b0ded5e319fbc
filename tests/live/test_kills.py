"""Processes are killed at random moments under load; clients that resume see 1..N without gap or repeat."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.cast import Tenant, operation
from tests.live.servers import LiveServer, Site

KILLS = 50 if "LONG" in os.environ else 5
CLIENTS = 20
WRITERS = 4
ENOUGH = 20  # tags, that the trial has been one
SEED = int(os.environ.get("SEED", time.time()))


class Resuming:
    """A client that comes back with the last position it saw, until it has seen the last of all."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url, self._headers = url, headers
        self.events: list[dict[str, Any]] = []
        self.seen: list[int] = []
        self.connections = self.resets = 0
        self.until: int | None = None

    async def run(self) -> None:
        while not self._is_done():
            with suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError, EOFError):
                await self._listen()
            await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        async with connect(
            self._url, additional_headers=self._headers, open_timeout=5, close_timeout=1, proxy=None
        ) as connection:
            await connection.send(json.dumps({"type": "subscribe", "after": self.seen[-1] if self.seen else 0}))
            self.connections += 1
            while not self._is_done():
                async with asyncio.timeout(2):
                    message = json.loads(await connection.recv())
                if message["type"] == "event":
                    self.seen.append(int(message["event"]["sequence"]))
                    self.events.append(message["event"])
                self.resets += message["type"] == "reset"

    def _is_done(self) -> bool:
        return self.until is not None and bool(self.seen) and self.seen[-1] >= self.until


class Writer:
    """Tags one tag after the other; repeats what was not acknowledged, which is always safe."""

    def __init__(self, number: int, url: str, headers: dict[str, str], execution_id: str) -> None:
        self._number, self._url, self._headers, self._execution_id = number, url, headers, execution_id
        self.acknowledged: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=5) as client:
            while not stop.is_set():
                tag = f"{self._number}-{len(self.acknowledged)}-{SEED}"
                change = {"tags": [operation("add", self._execution_id, "extract", tag)]}
                with suppress(httpx.TransportError):
                    answer = await client.patch("/api/task-tags", json=change)
                    if answer.status_code == 200:
                        self.acknowledged.append(tag)
                await asyncio.sleep(random.random() * 0.02)  # noqa: S311  # not a secret


class Trial:
    """Writers and resuming clients at a site to which something happens again and again."""

    def __init__(self, server: LiveServer, headers: dict[str, str], execution_id: str) -> None:
        self._server, self._headers = server, headers
        self.clients = [Resuming(server.socket_url, headers) for _ in range(CLIENTS)]
        self.writers = [Writer(number, server.url, headers, execution_id) for number in range(WRITERS)]

    def run(self, hurt: Callable[[], None], times: int) -> int:
        """The newest position after it all; the clients have heard up to it, if they do so within a minute."""
        return asyncio.run(self._run(hurt, times))

    async def _run(self, hurt: Callable[[], None], times: int) -> int:
        chance = random.Random(SEED)  # noqa: S311  # not a secret
        stop = asyncio.Event()
        listening = [asyncio.create_task(client.run()) for client in self.clients]
        writing = [asyncio.create_task(writer.run(stop)) for writer in self.writers]
        await _until(lambda: all(client.connections for client in self.clients))
        for _ in range(times):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            await asyncio.to_thread(hurt)
        await asyncio.sleep(0.5)
        await _until(lambda: sum(len(writer.acknowledged) for writer in self.writers) > ENOUGH)
        stop.set()
        await asyncio.gather(*writing)
        newest = await self._newest()
        for client in self.clients:
            client.until = newest
        _, late = await asyncio.wait(listening, timeout=60)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return newest

    async def _newest(self) -> int:
        async with httpx.AsyncClient(base_url=self._server.url, headers=self._headers) as client:
            for _ in range(50):
                with suppress(httpx.TransportError):
                    answer = await client.get("/api/task-executions", params={"limit": 1})
                    if answer.status_code == 200:
                        return int(answer.headers["X-Stream-Position"])
                await asyncio.sleep(0.2)
        raise RuntimeError("the server did not come back")


async def _until(is_so: Callable[[], bool]) -> None:
    """For a minute at most: the test tells what then is not so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while not is_so():
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with closing(Site(tmp_path_factory.mktemp("site"))) as site:
        yield site


def _kill_all(site: Site) -> None:
    site.servers.kill()
    site.servers.start()


HURTS: dict[str, Callable[[Site], None]] = {
    "web": lambda site: site.servers.kill_web_worker(),
    "sockets": lambda site: site.servers.kill_sockets(),
    "server": _kill_all,
    "postgres": lambda site: site.kill_postgres(),
}


@pytest.mark.parametrize("what", HURTS)
def test_whatever_is_killed_clients_resume_without_gap_or_repeat(site: Site, what: str) -> None:
    trial = Trial(site.servers, site.headers, site.flow_execution_id)

    newest = trial.run(partial(HURTS[what], site), KILLS)

    for client in trial.clients:
        assert client.seen == list(range(1, newest + 1)), f"SEED={SEED}"
        assert client.resets == 0
    told = Counter(event["data"].get("tag") for event in trial.clients[0].events)
    acknowledged = [tag for writer in trial.writers for tag in writer.acknowledged]
    assert len(acknowledged) > ENOUGH
    assert [told[tag] for tag in acknowledged] == [1] * len(acknowledged)
    if what != "web":  # a web process has no sockets
        assert sum(client.connections for client in trial.clients) > CLIENTS


class BellOnlyServer(LiveServer):
    """The same server without its memory: what is missed while nobody hears the bell is gone."""

    def command(self) -> list[str]:
        return ["-m", "tests.live.bell_only_server", str(self.port)]


def test_with_the_bell_as_the_only_source_events_are_missed(tenant: Tenant) -> None:
    """The control of the test above."""
    execution = tenant.execution("extract")
    with closing(BellOnlyServer()) as server:
        trial = Trial(server, tenant.api().headers, str(execution.id))

        def kill() -> None:
            server.kill()
            server.start()

        async def run() -> int:
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    return await trial._run(kill, 2)
            return 0

        newest = asyncio.run(run())
    assert not [client for client in trial.clients if client.seen == list(range(1, newest + 1))]
    assert [client for client in trial.clients if client.seen]  # they did hear something

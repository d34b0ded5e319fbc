"""Load for a while, of every kind: memory, file handles, threads and connections must not grow with it."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx
import psutil
import psycopg
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.cast import Tenant, operation
from tests.database import NAME, OWNER_URL
from tests.live.servers import LiveServer
from tests.prove import planted
from tests.tenancy.conftest import WHO

_CLIENTS = 6
_EVERY = 0.5  # seconds between two looks
_WARM = 60  # seconds before the first that counts, at most as many as count; caches fill and threads start
_PACE = 0.2  # seconds that each thing takes a client at least: the same load wherever it is made, and beside what
# By which memory may seem to grow: the allocator's own ups and downs.
_MOST_MEGABYTES = 5.0
_MOST_HANDLES = 4.0


@dataclass(frozen=True)
class Figures:
    seconds_of_load: int
    rounds_of_requests: int
    sockets: int
    megabytes_of_memory: float
    megabytes_grown: float
    megabytes_grown_in_the_second_half: float
    file_handles_grown: float
    threads_grown: float
    connections_grown: float


@dataclass(frozen=True)
class Look:
    seconds: float
    memory: float  # in megabytes
    handles: float
    threads: float
    connections: float


def attack(count: int, seed: int) -> Figures:
    """For `count` seconds, after those of the warm-up."""
    tenant = Tenant.create()
    with (
        closing(LiveServer(**planted.besides("prompt_collector"))) as server,
        psycopg.connect(OWNER_URL, autocommit=True) as owner,
    ):
        load = Load(server, tenant, seed)
        warm = min(_WARM, count)
        looks = asyncio.run(load.run(warm + count, lambda began: _look(server, owner, began)))
    print(*looks[::10], sep="\n")  # for the log
    if not load.sockets:
        raise RuntimeError("no socket was ever opened")
    looks = [look for look in looks if look.seconds > warm]
    grown = {name: _growth(looks, name) for name in ("memory", "handles", "threads", "connections")}
    assert grown["memory"] < _MOST_MEGABYTES, f"memory grew by {grown['memory']:.1f} MB in {count} s: {looks[-1]}"
    for name in ("handles", "threads", "connections"):
        assert grown[name] < _MOST_HANDLES, f"{name} grew by {grown[name]:.1f} in {count} s: {looks[-1]}"
    return Figures(
        count,
        load.done,
        load.sockets,
        looks[-1].memory,
        grown["memory"],
        _growth(looks[len(looks) // 2 :], "memory"),
        grown["handles"],
        grown["threads"],
        grown["connections"],
    )


def _look(server: LiveServer, owner: psycopg.Connection[Any], began: float) -> Look:
    process = psutil.Process(server.process.pid)
    connections = owner.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [NAME]).fetchone()
    memory, handles, threads = process.memory_info().rss / 2**20, process.num_fds(), process.num_threads()
    return Look(time.monotonic() - began, memory, handles, threads, connections[0] if connections else 0)


def _growth(looks: list[Look], name: str) -> float:
    """By the straight line that fits best (least squares), over all the time that was looked at."""
    times, values = [look.seconds for look in looks], [getattr(look, name) for look in looks]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True))
    return slope / sum((t - middle) ** 2 for t in times) * (times[-1] - times[0])


async def _check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, f"{answer.request.url}: {answer.status_code}"


class Load:
    def __init__(self, server: LiveServer, tenant: Tenant, seed: int) -> None:
        self._server, self._tenant = server, tenant
        self._chance = random.Random(seed)  # noqa: S311  # not a secret
        self._headers = [tenant.api(who).headers for who in WHO] + [{"X-API-Key": "tagsite_wrong"}]
        self._execution = str(tenant.execution("extract", "pay").id)
        self.done = self.sockets = 0

    async def run(self, seconds: int, look: Callable[[float], Look]) -> list[Look]:
        began, looks = time.monotonic(), []
        stop = asyncio.Event()
        clients = [asyncio.create_task(self._go_on(stop)) for _ in range(_CLIENTS)]
        while time.monotonic() - began < seconds:
            await asyncio.sleep(_EVERY)
            looks.append(await asyncio.to_thread(look, began))
        stop.set()
        await asyncio.gather(*clients)
        return looks

    async def _go_on(self, stop: asyncio.Event) -> None:
        kinds: list[Callable[[httpx.AsyncClient], Awaitable[object]]] = [
            self._tag,
            self._read,
            self._tag,
            self._fail,
            self._listen,
            self._open_pages,
            self._wait,
        ]
        hooks = {"response": [_check]}
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30, event_hooks=hooks) as client:
            for kind in cycle(kinds):
                if stop.is_set():
                    return
                client.headers = httpx.Headers(self._chance.choice(self._headers))
                await asyncio.gather(kind(client), asyncio.sleep(_PACE))
                self.done += 1

    async def _tag(self, client: httpx.AsyncClient) -> None:
        """Few names, so that the data grows little."""
        batch = [
            operation(self._chance.choice(["add", "remove"]), self._execution, "extract", f"tag {number}")
            for number in range(self._chance.randint(1, 20))
        ]
        await client.patch("/api/task-tags", json={"tags": batch})

    async def _read(self, client: httpx.AsyncClient) -> None:
        for path in ("/api/task-executions", f"/api/task-tags?flow_execution_id={self._execution}", "/api/events"):
            await client.get(path)

    async def _fail(self, client: httpx.AsyncClient) -> None:
        await client.patch("/api/task-tags", content=b'{"tags": [' + b"x" * self._chance.randint(1, 100_000))
        await client.get(f"/api/nothing/{self._chance.random()}")

    async def _open_pages(self, client: httpx.AsyncClient) -> None:
        for path in ("/log-in", "/", "/api/docs", "/api/schema", "/metrics"):
            await client.get(path)

    async def _wait(self, client: httpx.AsyncClient) -> None:
        """A long poll that is given up."""
        with suppress(httpx.TimeoutException):
            await client.get("/api/events", params={"after": 10**9, "wait": 5}, timeout=0.2)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        # Not all headers of an HTTP client's: they include another `Connection`.
        credentials = {name: client.headers[name] for name in ("X-API-Key", "Authorization") if name in client.headers}
        with suppress(WebSocketException, OSError, TimeoutError):
            async with connect(self._server.socket_url, additional_headers=credentials, proxy=None) as line:
                self.sockets += 1
                await line.send(json.dumps({"type": "subscribe", "after": None}))
                async with asyncio.timeout(0.2):
                    async for _ in line:
                        pass

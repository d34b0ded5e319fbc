"""Web processes and a socket process side by side, with a real Redis between them that fails in each way it can."""

import os
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import psutil
import pytest

from tests.cast import Tenant, operation
from tests.live.client import Listener, listening, positions
from tests.live.servers import Redis, SideBySide

# Writes while Redis is away, one after the other; each takes about a second to be heard of.
WRITES = 30 if "LONG" in os.environ else 6


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with closing(Redis()) as server:
        yield server


@pytest.fixture(scope="module")
def servers(redis: Redis, django_db_setup: None) -> Iterator[SideBySide]:
    with closing(SideBySide(REDIS_URL=redis.url)) as servers:
        yield servers


class Writer:
    """Tags through the web processes, and knows how long each request took."""

    def __init__(self, servers: SideBySide, tenant: Tenant) -> None:
        self._client = httpx.Client(base_url=servers.url, headers=tenant.api().headers, timeout=10)
        self._execution = tenant.execution("extract")
        self._written = 0
        self.slowest = 0.0

    def write(self) -> None:
        self._written += 1
        change = {"tags": [operation("add", self._execution, "extract", f"tag {self._written}")]}
        started = time.monotonic()
        assert self._client.patch("/api/task-tags", json=change).status_code == 200
        self.slowest = max(self.slowest, time.monotonic() - started)

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def writer(servers: SideBySide, tenant: Tenant) -> Iterator[Writer]:
    with closing(Writer(servers, tenant)) as writer:
        yield writer


def hear_next(listener: Listener, position: int) -> float:
    """The seconds until the event of that position is heard."""
    started = time.monotonic()
    assert positions(listener.events(1)) == [position]
    return time.monotonic() - started


def subscribed(listener: Listener) -> int:
    position: int = listener.subscribe()["position"]
    return position


def test_the_bell_reaches_the_socket_process(servers: SideBySide, writer: Writer, tenant: Tenant) -> None:
    with listening(servers.socket_url, tenant.api().headers) as listener:
        position = subscribed(listener)
        delays = []
        for number in range(1, 21):
            writer.write()
            delays.append(hear_next(listener, position + number))
            time.sleep(0.05)
    # Polling alone takes half a second on the average.
    assert sorted(delays)[10] < 0.2


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
def test_without_redis_nothing_is_missed_and_no_write_is_slowed(
    servers: SideBySide, redis: Redis, writer: Writer, tenant: Tenant, trouble: str
) -> None:
    with listening(servers.socket_url, tenant.api().headers) as listener:
        position = subscribed(listener)
        writer.write()
        hear_next(listener, position + 1)
        redis.kill() if trouble == "killed" else redis.freeze()
        try:
            for number in range(2, 2 + WRITES):
                writer.write()
                assert hear_next(listener, position + number) < 5
        finally:
            redis.start() if trouble == "killed" else redis.thaw()
        for number in range(2 + WRITES, 6 + WRITES):
            writer.write()
            assert hear_next(listener, position + number) < 5
    assert writer.slowest < 1


def test_flushed_redis_changes_nothing(servers: SideBySide, redis: Redis, writer: Writer, tenant: Tenant) -> None:
    with listening(servers.socket_url, tenant.api().headers) as listener:
        position = subscribed(listener)
        redis.flush()
        writer.write()
        assert hear_next(listener, position + 1) < 5


def test_a_killed_socket_process_comes_back(servers: SideBySide, writer: Writer, tenant: Tenant) -> None:
    with listening(servers.socket_url, tenant.api().headers) as listener:
        position = subscribed(listener)
    servers.kill_sockets()
    writer.write()
    servers.wait_for_sockets()
    with listening(servers.socket_url, tenant.api().headers) as listener:
        assert listener.subscribe(position) == {"type": "subscribed", "position": position}
        hear_next(listener, position + 1)


def test_when_the_server_is_killed_nothing_of_it_stays(redis: Redis, django_db_setup: None) -> None:
    servers = SideBySide(REDIS_URL=redis.url)
    family = psutil.Process(servers.process.pid).children(recursive=True)
    assert len(family) >= 3
    servers.kill()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive

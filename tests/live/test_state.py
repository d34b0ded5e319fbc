"""A client's state, kept by events, equals the state fetched fresh, however often its line breaks."""

import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from django.db import connection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.models import Actor, FlowExecution
from tests.cast import Tenant, operation
from tests.live.servers import LiveServer
from tests.live.test_socket import newest

BATCHES = 10_000
WRITERS = 16
FLOW_EXECUTIONS = 4
TASKS = ["extract", "pay"]
TAGS = [f"tag {number}" for number in range(12)]


class Mirror:
    """Keeps the tags of some flow executions: a snapshot once, then events alone; its line breaks now and then."""

    def __init__(self, live: LiveServer, tenant: Tenant, executions: list[FlowExecution], seed: int) -> None:
        self._live, self._headers = live, tenant.api("viewer").headers
        self.executions = [str(execution.id) for execution in executions]
        self._chance = random.Random(seed)  # noqa: S311  # not a secret
        self._tags: dict[str, dict[str, Any]] = {}
        self.position: int | None = None
        self.connections = 0
        self.until: int | None = None

    async def run(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, 3))
        await self._load()
        while not self._is_done():
            with suppress(ConnectionClosed, TimeoutError):
                await self._follow()

    def tags(self) -> list[dict[str, Any]]:
        return sorted(self._tags.values(), key=lambda tag: str(tag["id"]))

    async def _load(self) -> None:
        async with httpx.AsyncClient(base_url=self._live.url, headers=self._headers, timeout=30) as client:
            positions = []
            for execution in self.executions:
                answer = await client.get("/api/task-tags", params={"flow_execution_id": execution})
                positions.append(int(answer.headers["X-Stream-Position"]))
                self._tags.update({tag["id"]: tag for tag in answer.json()})
            self.position = min(positions)

    async def _follow(self) -> None:
        breaks_at = time.monotonic() + self._chance.uniform(0.1, 2)
        async with connect(self._live.socket_url, additional_headers=self._headers, proxy=None) as connection:
            self.connections += 1
            wanted: dict[str, Any] = {"type": "subscribe", "after": self.position}
            if len(self.executions) == 1:
                wanted["flow_execution_id"] = self.executions[0]
            await connection.send(json.dumps(wanted))
            while not self._is_done() and time.monotonic() < breaks_at:
                async with asyncio.timeout(0.5):
                    self._apply(json.loads(await connection.recv()))
            if self.until is None:
                connection.transport.abort()  # no good-bye

    def _apply(self, message: dict[str, Any]) -> None:
        assert message["type"] != "reset"
        if message["type"] != "event":
            return
        event = message["event"]
        self.position = int(event["sequence"])
        tag = event["data"]
        if event["type"] == "tagsite.task_tag.added" and tag["flow_execution_id"] in self.executions:
            self._tags[tag["id"]] = tag
        elif event["type"] == "tagsite.task_tag.removed":
            self._tags.pop(tag["id"], None)

    def _is_done(self) -> bool:
        return self.until is not None and self.position is not None and self.position >= self.until


def write(tenant: Tenant, executions: list[FlowExecution], seed: int) -> None:
    """This writer's share of the batches, of one to five operations each over tags that all writers fight for."""
    chance = random.Random(seed)  # noqa: S311  # not a secret
    actor = Actor("user", tenant.reviewer.id, str(tenant.reviewer.id), f"writer-{seed}")
    try:
        for _ in range(BATCHES // WRITERS):
            operations = [
                Operation(
                    chance.choice([OperationKind.ADD, OperationKind.REMOVE]),
                    chance.choice(executions).id,
                    chance.choice(TASKS),
                    chance.choice(TAGS),
                    "review",
                    chance.choice([None, {"n": 1.50}]),
                )
                for _ in range(chance.randint(1, 5))
            ]
            apply_batch(operations, actor, tenant.id)
    finally:
        connection.close()


def fresh(tenant: Tenant, executions: list[FlowExecution]) -> list[dict[str, Any]]:
    tags: list[dict[str, Any]] = []
    for execution in executions:
        tags += tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    return sorted(tags, key=lambda tag: str(tag["id"]))


async def follow(mirrors: list[Mirror]) -> None:
    await asyncio.wait_for(asyncio.gather(*(mirror.run() for mirror in mirrors)), 180)


def write_all(tenant: Tenant, executions: list[FlowExecution]) -> None:
    connection.close()  # the pool has as many connections as there are writers
    with ThreadPoolExecutor(WRITERS) as pool:
        for writing in [pool.submit(write, tenant, executions, seed) for seed in range(WRITERS)]:
            writing.result()


def end(tenant: Tenant, executions: list[FlowExecution], ones: list[Mirror], alls: list[Mirror]) -> None:
    """Each hears one event more that is its own, and is then done."""
    for execution, one in zip(executions, ones, strict=True):
        assert tenant.api().tag(operation("add", execution, TASKS[0], "the last")).status_code == 200
        one.until = newest(tenant)
    for mirror in alls:
        mirror.until = newest(tenant)


@pytest.fixture
def _patient_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to open sixteen connections at once than a request would wait for one."""
    monkeypatch.setattr(connection.pool, "timeout", 60)


@pytest.mark.usefixtures("_patient_pool")
def test_state_plus_events_is_the_fresh_state(live: LiveServer, tenant: Tenant) -> None:
    executions = [tenant.execution(*TASKS) for _ in range(FLOW_EXECUTIONS)]
    ones = [Mirror(live, tenant, [execution], seed) for seed, execution in enumerate(executions)]
    alls = [Mirror(live, tenant, executions, 100 + seed) for seed in range(4)]

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(asyncio.run, follow([*ones, *alls]))
        write_all(tenant, executions)
        end(tenant, executions, ones, alls)
        following.result()

    for mirror, execution in zip(ones, executions, strict=True):
        assert mirror.tags() == fresh(tenant, [execution])
    for mirror in alls:
        assert mirror.tags() == fresh(tenant, executions)
    assert len(fresh(tenant, executions)) > FLOW_EXECUTIONS
    assert newest(tenant) > BATCHES  # most batches change something, many of them more than one tag
    assert sum(mirror.connections for mirror in [*ones, *alls]) > 3 * len([*ones, *alls])


@pytest.mark.parametrize("event_type", ["tagsite.task_tag.added", "tagsite.task_tag.removed"])
def test_one_event_left_out_shows_as_another_state(tenant: Tenant, live: LiveServer, event_type: str) -> None:
    """The control: a mirror that misses a single event differs in the end."""
    execution = tenant.execution(*TASKS)
    api = tenant.api()
    add = operation("add", execution, "extract", "first")
    api.tag({**add, "tag": "stays"}, add, {**add, "operation": "remove"})
    mirror = Mirror(live, tenant, [execution], 0)
    events = api.get("/api/events", after=3).json()["events"]
    left_out = next(event for event in events if event["type"] == event_type)
    for event in events:
        if event is not left_out:
            mirror._apply({"type": "event", "event": event})
    assert mirror.tags() != fresh(tenant, [execution])

"""Web processes whose clocks are a day fast, a day slow and right serve in turn: nothing that is told shows it.

To a client, and to the records, the clock jumps by a day or two between any two requests.
"""

import asyncio
import random
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.cast import Tenant, operation
from tests.prove import planted
from tests.prove.servers import WebServer

_WRITERS = 4
_CLOCKS = ("+1d", "-1d", "+0")
_LIBRARY = "faketime/libfaketimeMT.so.1"
_FOLDERS = (Path("/usr/lib"), Path("/usr/local/lib"))
_CLOSE = timedelta(seconds=2)


@dataclass(frozen=True)
class Figures:
    writes: int
    jumps_of_the_clock: int
    events_in_order: int
    hours_by_which_it_lied: float


def attack(count: int, seed: int) -> Figures:
    tenant = Tenant.create()
    execution = str(tenant.execution().id)
    began = datetime.now(UTC)
    with ExitStack() as stack:
        servers = [WebServer("--workers", "1", **_environment(offset)) for offset in _CLOCKS]
        for server in servers:
            stack.callback(server.close)
        clients = [
            httpx.AsyncClient(base_url=server.url, headers=tenant.api().headers, timeout=60) for server in servers
        ]
        jumps = asyncio.run(_write_all(clients, execution, count, seed))
        with httpx.Client(base_url=servers[-1].url, headers=tenant.api().headers, timeout=60) as client:
            events, records = _events(client), _records(client, execution)
    _check_events(events, began, datetime.now(UTC))
    _check_records(records, began, datetime.now(UTC))
    lie = max(abs(_time_in(record["id"]) - datetime.fromisoformat(record["created_at"])) for record in records)
    if lie < timedelta(hours=20):
        raise RuntimeError("the clocks of the web processes told the truth: nothing was tried")
    return Figures(2 * len(records), jumps, len(events), lie.total_seconds() / 3600)


def _environment(offset: str) -> dict[str, str]:
    """What measures durations is left alone, as a wrong clock leaves it alone."""
    found = [path for folder in _FOLDERS for path in folder.glob(f"**/{_LIBRARY}")]
    if not found:
        raise RuntimeError("libfaketime is missing; on Debian: apt install faketime")
    fake = {"LD_PRELOAD": str(found[0]), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {**planted.environment(planted.bug()), **fake}


async def _write_all(clients: list[httpx.AsyncClient], execution: str, count: int, seed: int) -> int:
    """Gives how often a request met another clock than the one before it."""
    writes = (_write(clients, execution, number, count // _WRITERS, f"{seed}-{number}") for number in range(_WRITERS))
    jumps = await asyncio.gather(*writes)
    for client in clients:
        await client.aclose()
    return sum(jumps)


async def _write(clients: list[httpx.AsyncClient], execution: str, number: int, count: int, seed: str) -> int:
    """Report a task and tag it, one after the other: names and request ids count up."""
    chance, jumps, last = random.Random(seed), 0, clients[0]  # noqa: S311  # not a secret
    for step in range(count):
        name = f"{number}-{step:06}"
        report = {"flow_execution_id": execution, "task_name": name, "task_execution_idx": 0}
        tag = {"tags": [operation("add", execution, name, "approved")]}
        for method, path, body in (
            ("POST", "/api/task-executions", {**report, "processing_status": "completed"}),
            ("PATCH", "/api/task-tags", tag),
        ):
            client = chance.choice(clients)
            jumps, last = jumps + (client is not last), client
            answer = await client.request(method, path, json=body, headers={"X-Request-ID": f"{name}-{method}"})
            assert answer.status_code < 300, answer.text
    return jumps


def _events(client: httpx.Client) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while page := client.get("/api/events", params={"after": len(events), "limit": 1000}).json()["events"]:
        events += page
    return events


def _records(client: httpx.Client, execution: str) -> list[dict[str, Any]]:
    """Newest first, by pages."""
    records: list[dict[str, Any]] = []
    query = {"flow_execution_id": execution, "limit": "100"}
    while True:
        page = client.get("/api/task-executions", params=query).json()
        records += page["task_executions"]
        if not page.get("next_cursor"):
            return records
        query["cursor"] = page["next_cursor"]


def _check_events(events: list[dict[str, Any]], began: datetime, ended: datetime) -> None:
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    written = [event for event in events if event["requestid"].endswith(("-POST", "-PATCH"))]
    for number in range(_WRITERS):
        names = [event["requestid"] for event in written if event["requestid"].startswith(f"{number}-")]
        steps = [name.rsplit("-", 1) for name in names]
        expected = [[step, method] for step in sorted({step for step, _ in steps}) for method in ("POST", "PATCH")]
        wrong = [place for place, (one, other) in enumerate(zip(steps, expected, strict=False)) if one != other]
        assert steps == expected, f"the stream has writer {number}'s requests in another order: {steps[wrong[0] :][:4]}"
    for event in written:
        _check_time(event["time"], began, ended, f"event {event['sequence']} ({event['type']})")


def _check_records(records: list[dict[str, Any]], began: datetime, ended: datetime) -> None:
    for record in records:
        _check_time(record["created_at"], began, ended, f"task {record['task_name']}")
    for number in range(_WRITERS):
        names = [record["task_name"] for record in records if record["task_name"].startswith(f"{number}-")]
        assert names == sorted(names, reverse=True), f"the list has the tasks of writer {number} in another order"


def _check_time(text: str, began: datetime, ended: datetime, label: str) -> None:
    assert began - _CLOSE < datetime.fromisoformat(text) < ended + _CLOSE, f"{label} is said to be of {text}"


def _time_in(id: str) -> datetime:
    """The moment in a UUID of version 7: what the clock of its maker said."""
    return datetime.fromtimestamp((UUID(id).int >> 80) / 1000, UTC)

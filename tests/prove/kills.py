"""Web processes and PostgreSQL are killed at random moments while clients write and repeat what got no answer."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.cast import operation
from tests.live.servers import Site
from tests.prove import planted

_CLIENTS = 8
_OPERATIONS = 5  # of each batch, all of them new tags
_BETWEEN = 10  # acknowledged batches, at least, between two kills
_PATIENCE = 60.0


@dataclass(frozen=True)
class Figures:
    kills_of_web_processes: int
    kills_of_postgresql: int
    batches_acknowledged: int
    requests_lost_on_the_way: int
    left_unacknowledged: int


@dataclass
class Batch:
    name: str
    answers: list[list[str]] = field(default_factory=list)
    lost: int = 0  # requests without an answer

    @property
    def tags(self) -> list[str]:
        return [f"{self.name}-{number}" for number in range(_OPERATIONS)]

    def body(self, execution_id: str) -> dict[str, Any]:
        return {"tags": [operation("add", execution_id, "extract", tag) for tag in self.tags]}


def attack(count: int, seed: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="prove-") as folder, closing(Site(Path(folder))) as site:
        chance = random.Random(seed)  # noqa: S311  # not a secret
        hurts = _hurts(site, count)
        chance.shuffle(hurts)
        batches = asyncio.run(_load(site, hurts, chance))
        asyncio.run(_check(site, batches))
    kills = Counter(hurt.__name__ for hurt in hurts)
    acknowledged = [batch for batch in batches if batch.answers]
    if len(acknowledged) <= count:
        raise RuntimeError("too little was written to say anything")
    return Figures(
        kills["kill_web_worker"],
        kills["kill_postgres"],
        len(acknowledged),
        sum(batch.lost for batch in batches),
        len(batches) - len(acknowledged),
    )


def _hurts(site: Site, count: int) -> list[Callable[[], None]]:
    """As many of each; a control has a bug that one of them shows."""
    shown_by = {"lazy_commit": [site.kill_postgres], "halved_batch": [site.servers.kill_web_worker]}
    kinds = shown_by.get(planted.bug(), [site.servers.kill_web_worker, site.kill_postgres])
    return [kinds[number % len(kinds)] for number in range(count)]


async def _load(site: Site, hurts: list[Callable[[], None]], chance: random.Random) -> list[Batch]:
    stop, batches = asyncio.Event(), list[Batch]()
    writers = [asyncio.create_task(_write(site, number, stop, batches)) for number in range(_CLIENTS)]
    for hurt in hurts:
        await _until_more_are_acknowledged(batches, writers)
        await asyncio.sleep(chance.uniform(0, 1))
        await asyncio.to_thread(hurt)
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*writers)
    return batches


async def _until_more_are_acknowledged(batches: list[Batch], writers: list[asyncio.Task[None]]) -> None:
    """A kill while nothing works yet would show nothing. A writer that ended has met a fault, which `gather` tells."""

    def acknowledged() -> int:
        return sum(bool(batch.answers) for batch in batches)

    wanted = acknowledged() + _BETWEEN
    async with asyncio.timeout(_PATIENCE):
        while acknowledged() < wanted and not any(writer.done() for writer in writers):
            await asyncio.sleep(0.02)


async def _write(site: Site, number: int, stop: asyncio.Event, batches: list[Batch]) -> None:
    """One batch after the other. Of those whose request was lost, half are repeated until they are acknowledged."""
    async with httpx.AsyncClient(base_url=site.servers.url, headers=site.headers, timeout=10) as client:
        for place in count():
            if stop.is_set():
                return
            batch = Batch(f"{number}-{place}")
            batches.append(batch)
            await _send(client, site, batch)
            while not batch.answers and place % 2 and not stop.is_set():
                await asyncio.sleep(0.05)
                await _send(client, site, batch)


async def _send(client: httpx.AsyncClient, site: Site, batch: Batch) -> None:
    try:
        answer = await client.patch("/api/task-tags", json=batch.body(site.flow_execution_id))
    except httpx.TransportError:
        batch.lost += 1
        return
    assert answer.status_code in (200, 503), f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code == 200:
        batch.answers.append([entry["status"] for entry in answer.json()["tags"]])


async def _check(site: Site, batches: list[Batch]) -> None:
    async with httpx.AsyncClient(base_url=site.servers.url, headers=site.headers, timeout=30) as client:
        await _wait_until_ready(client)
        active, told = await _stored(client, site)
        assert max(active.values()) == max(told.values()) == 1, "a tag is there twice, or was told of twice"
        assert active == told, f"tags and events differ: {list((active - told) + (told - active))[:5]}"
        for batch in batches:
            _check_batch(batch, sum(active[tag] for tag in batch.tags))
        for batch in batches:
            if not batch.answers:
                await _check_retry(client, site, batch, bool(active[batch.tags[0]]))


def _check_batch(batch: Batch, kept: int) -> None:
    if batch.answers:
        assert kept == _OPERATIONS, f"{batch.name} was acknowledged, and {kept} of its {_OPERATIONS} tags are kept"
        assert len(set(batch.answers[-1])) == 1, f"{batch.name} was answered {batch.answers[-1]}: neither new nor old"
    else:
        assert kept in (0, _OPERATIONS), f"{batch.name} was not acknowledged, and {kept} of {_OPERATIONS} are kept"


async def _check_retry(client: httpx.AsyncClient, site: Site, batch: Batch, is_kept: bool) -> None:
    await _send(client, site, batch)
    expected = "already_exists" if is_kept else "added"
    assert batch.answers == [[expected] * _OPERATIONS], f"{batch.name} repeated: {batch.answers}, not {expected}"
    batch.answers.clear()  # it stays one that was left unacknowledged


async def _wait_until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def _stored(client: httpx.AsyncClient, site: Site) -> tuple[Counter[str], Counter[str]]:
    """The active tags as the list has them, and as the stream tells of them."""
    listed = await client.get("/api/task-tags", params={"flow_execution_id": site.flow_execution_id})
    told: Counter[str] = Counter()
    after = 0
    while True:
        page = (await client.get("/api/events", params={"after": after, "limit": 1000})).json()["events"]
        if not page:
            return Counter(tag["tag"] for tag in listed.json()), told
        assert [int(event["sequence"]) for event in page] == list(range(after + 1, after + 1 + len(page)))
        told.update(event["data"]["tag"] for event in page if event["type"] == "tagsite.task_tag.added")
        after += len(page)

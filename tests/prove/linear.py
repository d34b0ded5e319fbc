"""Many clients fight for a few tags; whatever order the stream says, all that they saw must follow from it."""

import asyncio
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.actions.model import Model, Step
from tests.cast import Tenant
from tests.database import OWNER_URL
from tests.prove.servers import WebServer

_CLIENTS = 50
_TASKS = ("extract", "pay")
_TAGS = [f"hot {number}" for number in range(5)]  # on each of two tasks of two flow executions: 20 in all


@dataclass(frozen=True)
class Figures:
    batches: int
    that_changed_something: int
    operations: int
    overtaking_pairs_checked: int
    batches_per_second: float


@dataclass(frozen=True)
class Sent:
    """A batch, its answer, and between which moments it took place."""

    id: str
    steps: Sequence[Step]
    began: float
    ended: float
    answer: list[str]


def attack(count: int, seed: int) -> Figures:
    tenant = Tenant.create()
    executions = [tenant.execution(*_TASKS).id for _ in range(2)]
    started = time.monotonic()
    with closing(WebServer()) as server:
        sent = asyncio.run(_crowd(server.url, tenant.token, executions, count, seed))
    seconds = time.monotonic() - started
    assert len({batch.id for batch in sent}) == len(sent) == count
    order = _stream(tenant.id)
    changing = _in_order(sent, order)
    states = _replay(changing, executions)
    pairs = _check_real_time(changing)
    _check_the_rest([batch for batch in sent if batch.id not in order], changing, states)
    return Figures(count, len(changing), sum(len(batch.steps) for batch in sent), pairs, count / seconds)


async def _crowd(url: str, token: str, executions: list[UUID], count: int, seed: int) -> list[Sent]:
    numbers = iter(range(count))
    limits = httpx.Limits(max_connections=_CLIENTS, max_keepalive_connections=_CLIENTS)
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": token}, timeout=60, limits=limits) as client:
        shares = await asyncio.gather(*(_client(client, executions, numbers, seed) for _ in range(_CLIENTS)))
    return [sent for share in shares for sent in share]


async def _client(client: httpx.AsyncClient, executions: list[UUID], numbers: Any, seed: int) -> list[Sent]:
    sent = []
    for number in numbers:  # one after the other, whoever of the clients is free
        chance = random.Random(f"{seed}-{number}")  # noqa: S311  # not a secret
        steps = [_step(chance, executions) for _ in range(chance.choice([1, 1, 2, 3, 5]))]
        sent.append(await _send(client, f"prove-{number}", steps))
    return sent


def _step(chance: random.Random, executions: list[UUID]) -> Step:
    spot = chance.choice(executions), chance.choice(_TASKS)
    return Step(chance.choice(["add", "remove"]), *spot, chance.choice(_TAGS), "hot", None)


async def _send(client: httpx.AsyncClient, id: str, steps: list[Step]) -> Sent:
    body = {"tags": [_on_the_wire(step) for step in steps]}
    began = time.monotonic()
    answer = await client.patch("/api/task-tags", json=body, headers={"X-Request-ID": id})
    ended = time.monotonic()
    assert answer.status_code == 200, f"{id}: {answer.status_code} {answer.text[:200]}"
    return Sent(id, steps, began, ended, [entry["status"] for entry in answer.json()["tags"]])


def _on_the_wire(step: Step) -> dict[str, str]:
    names = {"task_name": step.task, "tag": step.tag, "tag_type": step.tag_type}
    return {"operation": step.kind, "flow_execution_id": str(step.execution), **names}


def _stream(organization_id: UUID) -> dict[str, tuple[int, int]]:
    """The first and the last position of each batch that changed something."""
    statement = """
        SELECT request_id, min(position), max(position), count(*) FROM event
        WHERE organization_id = %s AND request_id LIKE 'prove-%%' GROUP BY request_id
    """
    with psycopg.connect(OWNER_URL) as owner:
        rows = owner.execute(statement, [organization_id]).fetchall()
    for id, first, last, count in rows:
        assert last - first + 1 == count, f"{id}: its events are not together"
    return {id: (first, last) for id, first, last, _ in rows}


def _in_order(sent: list[Sent], order: dict[str, tuple[int, int]]) -> list[Sent]:
    known = {batch.id: batch for batch in sent}
    return [known[id] for id in sorted(order, key=lambda id: order[id])]


State = frozenset[tuple[UUID, str, str]]


def _replay(changing: list[Sent], executions: list[UUID]) -> list[State]:
    """The tags that are active before each batch of the stream, and after the last."""
    model = Model({execution: set(_TASKS) for execution in executions})
    states: list[State] = [frozenset()]
    for batch in changing:
        expected = model.apply(batch.steps, "")
        assert batch.answer == expected, f"{batch.id} was answered {batch.answer}; the model says {expected}"
        model.records = [record for record in model.records if record.active]
        states.append(frozenset(_name(record.step) for record in model.records))
    return states


def _name(step: Step) -> tuple[UUID, str, str]:
    return step.execution, step.task, step.tag


def _check_real_time(changing: list[Sent]) -> int:
    """No batch stands before one that had ended when it began. Gives how many pairs that says something of."""
    latest_begin = list(accumulate((batch.began for batch in changing), max))
    for place in range(1, len(changing)):
        ended, began_before = changing[place].ended, latest_begin[place - 1]
        assert ended > began_before, f"{changing[place].id} was answered before one began that stands before it"
    return len(changing) * (len(changing) - 1) // 2


def _check_the_rest(unchanging: list[Sent], changing: list[Sent], states: list[State]) -> None:
    """Each must have been true at a moment between its request and its answer, and those moments in real-time order.

    Taking the earliest moment for each, in the order in which they began, leaves the later ones all that they can have.
    """
    latest_begin = list(accumulate((batch.began for batch in changing), max))
    earliest_end = list(accumulate((batch.ended for batch in reversed(changing)), min))[::-1]
    by_end = iter(sorted(unchanging, key=lambda batch: batch.ended))
    over, moments, so_far = next(by_end, None), {}, 0
    for batch in sorted(unchanging, key=lambda batch: batch.began):
        while over and over.ended < batch.began:
            so_far, over = max(so_far, moments[over.id]), next(by_end, None)
        low, high = bisect_left(earliest_end, batch.began), bisect_right(latest_begin, batch.ended)
        true = (place for place in range(max(low, so_far), high + 1) if _is_true(batch, states[place]))
        moments[batch.id] = next(true, -1)
        assert moments[batch.id] >= 0, f"{batch.id} was answered {batch.answer}, which was never true in its time"


def _is_true(batch: Sent, state: State) -> bool:
    answers = ["already_exists" if step.kind == "add" else "not_found" for step in batch.steps]
    present = [(_name(step) in state) == (step.kind == "add") for step in batch.steps]
    return batch.answer == answers and all(present)

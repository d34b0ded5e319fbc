"""What is measured, and the goal of each."""

import itertools
import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.db import exact_json
from tags.models import Actor
from tests.benchmarks import naive, product
from tests.benchmarks.limit import Limit
from tests.benchmarks.measure import Times, in_turns
from tests.benchmarks.preload import Database
from tests.benchmarks.words import Batches

CLIENTS = 16
# The first executions are only read, so that each keeps its tags.
_READ_ONLY = 1000
# As a client does that sends one request after the other.
_BLOCK = 10
# Rounds that do not count: statements are being prepared, caches filled.
_WARM_UP = 3


@dataclass
class Bench:
    """The contenders, and work for them that is nowhere twice."""

    organization_id: UUID
    database: Database
    token: str
    actor: Actor
    port: int
    stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.batches = Batches(self.database.executions[_READ_ONLY:])
        self.reads = itertools.cycle(self.database.executions[:_READ_ONLY])
        self.client = product.Client(self.port)
        self.limits = [
            self.stack.enter_context(Limit(self.database.url, self.organization_id, str(self.actor)))
            for _ in range(CLIENTS)
        ]

    def reconnect(self) -> None:
        """Before each case: the server closes a connection that was idle."""
        self.client.close()
        self.client = product.Client(self.port)

    def request(self, size: int) -> bytes:
        return product.request("PATCH", "/api/task-tags", self.token, self.batches.next(size))

    def patch_product(self, size: int) -> Callable[[], object]:
        request = self.request(size)
        return lambda: product.body_of(self.client.send(request))

    def patch_limit(self, size: int) -> Callable[[], object]:
        return partial(self.limits[0].patch, self.batches.next(size))

    def patch_engine(self, size: int) -> Callable[[], object]:
        return partial(apply_batch, operations(self.batches.next(size)), self.actor, self.organization_id)

    def patch_naive(self, size: int) -> Callable[[], object]:
        return partial(naive.patch, self.batches.next(size), self.organization_id, self.actor)

    def get_product(self) -> Callable[[], object]:
        path = f"/api/task-tags?flow_execution_id={next(self.reads)}"
        request = product.request("GET", path, self.token)
        return lambda: product.body_of(self.client.send(request))

    def get_limit(self) -> Callable[[], object]:
        return partial(self.limits[0].get, next(self.reads))

    def crowd_product(self, batches: int) -> Callable[[], object]:
        requests = [self.request(100) for _ in range(batches)]
        return partial(product.send_all, self.port, CLIENTS, requests)

    def crowd_limit(self, batches: int) -> Callable[[], object]:
        return partial(_share, self.limits, [self.batches.next(100) for _ in range(batches)])


def operations(body: bytes) -> list[Operation]:
    return [
        Operation(
            OperationKind(tag["operation"]),
            UUID(tag["flow_execution_id"]),
            tag["task_name"],
            tag["tag"],
            tag["tag_type"],
            tag["tag_metadata"],
        )
        for tag in exact_json.loads(body)["tags"]
    ]


def _share(limits: list[Limit], bodies: list[bytes]) -> None:
    """A thread for each connection; they work the bodies off together."""
    work: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in bodies:
        work.put(body)
    threads = [threading.Thread(target=_work_off, args=[limit, work]) for limit in limits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work_off(limit: Limit, work: "queue.SimpleQueue[bytes]") -> None:
    while True:
        try:
            body = work.get_nowait()
        except queue.Empty:
            return
        limit.patch(body)


@dataclass(frozen=True)
class Result:
    """One line of the table. `measured` is compared with `goal`: at most it, or at least."""

    name: str
    title: str
    measured: float
    goal: float
    at_most: bool
    times: dict[str, Times]
    note: str = ""
    other: str = "limit"
    requests: int = 1  # in each time

    @property
    def passed(self) -> bool:
        return self.measured <= self.goal if self.at_most else self.measured >= self.goal


def _patch(bench: Bench, quick: bool, size: int, goal: float, rounds: int) -> Result:
    contenders = {
        "product": partial(bench.patch_product, size),
        "limit": partial(bench.patch_limit, size),
        "engine": partial(bench.patch_engine, size),
    }
    times = in_turns(contenders, rounds // 5 if quick else rounds, _BLOCK, _WARM_UP)
    ratio = times["product"].p50 / times["limit"].p50
    plural = "operation" if size == 1 else "operations"
    return Result(f"patch{size}", f"PATCH, {size} {plural}, 1 client", ratio, goal, True, times)


def _crowd(bench: Bench, quick: bool) -> Result:
    batches = CLIENTS * (4 if quick else 10)
    contenders = {"product": partial(bench.crowd_product, batches), "limit": partial(bench.crowd_limit, batches)}
    times = in_turns(contenders, 4 if quick else 12)
    rates = {name: batches * 100 / time.p50 for name, time in times.items()}
    note = f"{rates['product']:,.0f} beside {rates['limit']:,.0f} operations a second"
    title = f"PATCH, 100 operations, {CLIENTS} clients: throughput"
    return Result("crowd", title, rates["product"] / rates["limit"], 0.8, False, times, note, requests=batches)


def _get(bench: Bench, quick: bool) -> Result:
    contenders = {"product": bench.get_product, "limit": bench.get_limit}
    times = in_turns(contenders, 20 if quick else 100, _BLOCK, _WARM_UP)
    ratio = times["product"].p50 / times["limit"].p50
    return Result("get", "GET, the 50 tags of a flow execution", ratio, 2.5, True, times)


def _naive(bench: Bench, quick: bool) -> Result:
    contenders = {"product": partial(bench.patch_product, 100), "naive": partial(bench.patch_naive, 100)}
    times = in_turns(contenders, 6 if quick else 20)
    ratio = times["naive"].p50 / times["product"].p50
    return Result("naive", "Naive baseline ÷ product, 100 operations", ratio, 20, False, times, other="naive")


CASES: dict[str, Callable[[Bench, bool], Result]] = {
    "patch100": partial(_patch, size=100, goal=1.6, rounds=20),
    "patch10": partial(_patch, size=10, goal=2.0, rounds=40),
    "patch1": partial(_patch, size=1, goal=2.8, rounds=60),
    "crowd": _crowd,
    "get": _get,
    "naive": _naive,
}

"""`python -m tests.benchmarks.sealing`: what sealing costs writers, and how fast it and verifying are.

The server is under as much load as it takes. In every other round the sealer is stopped, so that in the rounds between
it has twice as much to do. Two minutes.
"""

import json
import os
import signal
import statistics
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import psutil

from tests.benchmarks.fresh import fresh_database

_CLIENTS = 16
_PAIRS = 6
_ROUND = 8.0  # seconds, roughly: some of the sealer's looks, and rests between them
_FIRST = 1_000  # requests, which tell how many a round takes


def main() -> None:
    with fresh_database("bench_sealing"):
        from tests.benchmarks.product import running
        from tests.cast import Tenant

        tenant = Tenant.create()
        os.environ["SEAL_EVENTS"] = "on"  # which tests leave off
        with running() as port:
            pairs = _measure(port, tenant)
        _tell_cost(pairs)
        _tell_speed(tenant)


def _measure(port: int, tenant: Any) -> list[tuple[float, float]]:
    """Operations a second with the sealer and without, in rounds next to each other; which is first takes turns."""
    sealer, bodies = _sealer(), _bodies(tenant)
    _rate(port, tenant.token, bodies, _FIRST)
    requests = int(_rate(port, tenant.token, bodies, _FIRST) * _ROUND)
    pairs = []
    for number in range(_PAIRS):
        rates = {}
        for sealing in [True, False] if number % 2 else [False, True]:
            sealer.send_signal(signal.SIGCONT if sealing else signal.SIGSTOP)
            rates[sealing] = _rate(port, tenant.token, bodies, requests)
        pairs.append((rates[True], rates[False]))
    sealer.send_signal(signal.SIGCONT)
    return pairs


def _sealer() -> psutil.Process:
    """The keeper starts it soon after the server."""
    for _ in range(100):
        for process in psutil.Process().children(recursive=True):
            if "tagsite.sealer" in process.cmdline():
                return process
        time.sleep(0.1)
    raise RuntimeError("there is no sealer")


def _bodies(tenant: Any) -> Iterator[bytes]:
    from tests.cast import operation

    executions = [tenant.execution("extract") for _ in range(50)]
    for n in count():
        yield json.dumps({"tags": [operation("add", executions[n % 50], "extract", f"tag {n}")]}).encode()


def _rate(port: int, token: str, bodies: Iterator[bytes], requests: int) -> float:
    from tests.benchmarks.product import request, send_all

    made = [request("PATCH", "/api/task-tags", token, body) for _, body in zip(range(requests), bodies, strict=False)]
    before = time.perf_counter()
    send_all(port, _CLIENTS, made)
    return requests / (time.perf_counter() - before)


def _tell_cost(pairs: list[tuple[float, float]]) -> None:
    for name, rates in zip(("with the sealer", "without"), zip(*pairs, strict=True), strict=True):
        print(f"{name}: {statistics.median(rates):,.0f} operations a second, of {[round(rate) for rate in rates]}")
    ratios = sorted(with_it / without for with_it, without in pairs)
    print(f"with / without: {statistics.median(ratios):.3f}, of {[f'{ratio:.3f}' for ratio in ratios]}")


def _tell_speed(tenant: Any) -> None:
    from tags.actions.sealing import seal_events
    from tags.events.verifying import extent, verify

    before, left = time.perf_counter(), extent(tenant.id)
    seal_events(tenant.id)
    seconds = time.perf_counter() - before
    if left.newest > left.sealed:
        print(f"sealed {left.newest - left.sealed:,} events, {(left.newest - left.sealed) / seconds:,.0f} a second")
    before = time.perf_counter()
    assert list(verify(tenant.id, extent(tenant.id), [])) == []
    print(f"verified {left.newest:,} events, {left.newest / (time.perf_counter() - before):,.0f} a second")


if __name__ == "__main__":
    main()

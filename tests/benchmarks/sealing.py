"""`python -m tests.benchmarks.sealing`: what sealing costs writers, and how fast it and verifying are.

The server is under as much load as it takes. In every other round the sealer is stopped, so that in the rounds between
it has twice as much to do.
"""

import os
import signal
import statistics
import time
from itertools import count
from typing import Any

import psutil

from tests.benchmarks.fresh import fresh_database

_CLIENTS = 16
_REQUESTS = 8_000  # of one operation each, a round
_ROUNDS = 5


def main() -> None:
    with fresh_database("bench_sealing"):
        from tests.benchmarks.product import running
        from tests.cast import Tenant

        tenant = Tenant.create()
        with running() as port:
            rates = _measure(port, tenant)
        for name, values in rates.items():
            print(
                f"{name}: {statistics.median(values):,.0f} operations a second, of {[round(rate) for rate in values]}"
            )
        _tell_speed(tenant)


def _measure(port: int, tenant: Any) -> dict[str, list[float]]:
    import json

    from tests.benchmarks.product import request, send_all
    from tests.cast import operation

    executions = [tenant.execution("extract") for _ in range(50)]
    numbers = count(1)
    (sealer,) = [
        process for process in psutil.Process().children(recursive=True) if "tagsite.sealer" in process.cmdline()
    ]
    rates: dict[str, list[float]] = {"with the sealer": [], "without": []}
    for number in range(2 * _ROUNDS + 2):
        name = ["with the sealer", "without"][number % 2]
        os.kill(sealer.pid, signal.SIGCONT if name == "with the sealer" else signal.SIGSTOP)
        bodies = [
            {"tags": [operation("add", executions[n % 50], "extract", f"tag {n}")]}
            for _, n in zip(range(_REQUESTS), numbers, strict=False)
        ]
        requests = [request("PATCH", "/api/task-tags", tenant.token, json.dumps(body).encode()) for body in bodies]
        before = time.perf_counter()
        send_all(port, _CLIENTS, requests)
        if number >= 2:
            rates[name].append(len(requests) / (time.perf_counter() - before))
    os.kill(sealer.pid, signal.SIGCONT)
    return rates


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

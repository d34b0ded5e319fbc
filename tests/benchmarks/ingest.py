"""`python -m tests.benchmarks.ingest`: measures what producers can send and writes docs/performance-ingest.md."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tests.benchmarks import lineage
from tests.benchmarks.fresh import fresh_database
from tests.benchmarks.rows import Row, table

if TYPE_CHECKING:
    from tests.cast import Tenant  # imports models

_LINEAGE, _TRACES = "/api/v1/lineage", "/v1/traces"
_BULK = 500  # events of one request


@dataclass
class Bench:
    """A server as production runs it; each measurement works in an organization of its own."""

    port: int
    rounds: int
    memory_events: int

    def bulk(self) -> Iterator[Row]:
        """Both events of a task in one request mostly; and, beside it, always in two."""
        from tests.benchmarks.ingest_limit import Copies

        tenant, events = _tenant(), lineage.Events("bulk")
        rates = self._rates(2, 10 * _BULK, lambda: [_post(tenant.token, events.take(_BULK)) for _ in range(10)])
        sent = (self.rounds + 1) * 10 * _BULK
        limit = sent / Copies(tenant.id).seconds()
        note = f"two senders, {_BULK} events of 1 kB a request, {sent:,} in all; COPY of the same rows {limit:,.0f}/s"
        ours = statistics.median(rates)
        yield Row("OpenLineage events a second, in arrays", ours, 5000, "", note, at_most=False)
        yield Row("COPY of the final rows ÷ product", limit / ours, None, "", "as events a second")
        yield self._bulk_apart()

    def _bulk_apart(self) -> Row:
        tenant, events = _tenant(), lineage.Events("apart")

        def requests() -> list[bytes]:
            pairs = [events.starts_then_ends(_BULK) for _ in range(5)]
            return [_post(tenant.token, half) for halves in zip(*pairs, strict=True) for half in halves]

        rates = self._rates(2, 10 * _BULK, requests)
        note = "every end comes in a later request than its start, so each task is written twice"
        return Row("The same, starts and ends apart", statistics.median(rates), None, "", note)

    def single(self) -> Iterator[Row]:
        """Many runs go on at once, as they do where so many events come one by one."""
        for senders, goal in ((2, None), (4, 500), (8, None)):
            tenant, events = _tenant(), lineage.Events(f"single {senders}", runs_at_once=100)
            rates = self._rates(senders, 500, lambda: [_post(tenant.token, [one]) for one in events.take(500)])  # noqa: B023
            title = f"Requests a second with one event each, {senders} senders"
            yield Row(title, statistics.median(rates), goal, "", "connections kept alive", at_most=False)

    def spans(self) -> Iterator[Row]:
        from tests.benchmarks.product import request

        tenant, seeds = _tenant(), iter(range(10**6))

        def requests() -> list[bytes]:
            bodies = [lineage.spans(_BULK, next(seeds)) for _ in range(10)]
            return [request("POST", _TRACES, tenant.token, body, "application/x-protobuf") for body in bodies]

        rates = self._rates(2, 10 * _BULK, requests)
        note = f"two senders, {_BULK} a request, protobuf"
        yield Row("OTLP spans a second", statistics.median(rates), None, "", note)

    def memory(self) -> Iterator[Row]:
        """Of the web processes together, while they take events."""
        from tests.benchmarks.product import send_all

        tenant, events = _tenant(), lineage.Events("memory")
        sampled = _Sampled()
        send_all(
            self.port,
            2,
            sampled.counting(_post(tenant.token, events.take(_BULK)) for _ in range(self.memory_events // _BULK)),
        )
        tenths = ", ".join(f"{size / 1e6:.0f}" for size in sampled.tenths)
        note = f"{self.memory_events:,} events; MB after each tenth of them: {tenths}"
        yield Row("Growth of memory in the second half", 100 * sampled.growth(), 5, "%", note)

    def _rates(self, senders: int, size: int, requests: Callable[[], list[bytes]]) -> list[float]:
        """Of each round, how many a second; connections are made anew, so that no round's luck with workers holds."""
        from tests.benchmarks.product import send_all

        rates = []
        for _ in range(self.rounds + 1):
            prepared = requests()
            before = time.perf_counter()
            send_all(self.port, senders, prepared)
            rates.append(size / (time.perf_counter() - before))
        return rates[1:]


class _Sampled:
    """The resident memory of the web processes, after each request that was sent."""

    def __init__(self) -> None:
        server = psutil.Process().children(recursive=True)
        self._processes = [process for process in server if "tagsite.server" in process.cmdline()]
        self._bytes: list[int] = []

    def counting(self, requests: Iterable[bytes]) -> Iterator[bytes]:
        for request in requests:
            self._bytes.append(sum(process.memory_info().rss for process in self._processes))
            yield request

    @property
    def tenths(self) -> list[int]:
        """At the end of each."""
        return [self._bytes[len(self._bytes) * tenth // 10 - 1] for tenth in range(1, 11)]

    @property
    def level(self) -> float:
        return statistics.mean(self._second_half)

    def growth(self) -> float:
        """Over the second half, by its slope, as a share of its level."""
        half = self._second_half
        return statistics.linear_regression(range(len(half)), half).slope * len(half) / self.level

    @property
    def _second_half(self) -> list[int]:
        return self._bytes[len(self._bytes) // 2 :]


def _post(token: str, events: Sequence[bytes]) -> bytes:
    from tests.benchmarks.product import request

    body = events[0] if len(events) == 1 else b"[" + b",".join(events) + b"]"
    return request("POST", _LINEAGE, token, body)


def _tenant() -> "Tenant":
    from tests.cast import Tenant

    return Tenant.create()


def _write(rows: Sequence[Row]) -> None:
    from tests.benchmarks.report import DOCS, machine  # imports models

    (DOCS / "performance-ingest.md").write_text(_PAGE.format(table=table(rows), machine=machine()))


_PAGE = """# Performance of ingest

`make bench` measures it and writes this page.

{table}

## How it is measured

- The server is started as in production (`manage.py serve`, a web process for each core) on a fresh database with fsync
  on, and gets requests over HTTP on the loopback interface. Senders, server and PostgreSQL share the machine.
- A sender is a raw socket that sends prepared bytes, and its next request as soon as the last is answered with 200:
  what is counted is committed.
- The OpenLineage events (`tests/benchmarks/lineage.py`) are START and COMPLETE of tasks with a parent, a sql facet, and
  one input and one output dataset. Runs of ten tasks go on side by side, ten of them, or a hundred where events come
  one by one; their events come in order.
- A rate is the median of rounds, each with connections of its own; before the first there is one that does not count.
- The limit is COPY of the rows that the product has made of these events (flow_execution, task_execution, event,
  producer_run) into the same tables, with their keys and checks, by the tables' owner over one connection: what the
  database alone needs for them.
- Memory is the resident memory of all web processes, read at each request. Flat means that over the second half its
  slope comes to less than 5 % of its level. `--million` sends a million events.

## The machine of these figures

{machine}

## Again

    python -m tests.benchmarks.ingest            # all, and writes this page
    python -m tests.benchmarks.ingest --quick    # fewer rounds, writes nothing
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ingest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the page stays as it is")
    parser.add_argument("--million", action="store_true", help="watch the memory over a million events")
    parser.add_argument("--only", metavar="NAME", help="bulk, single, spans or memory alone; the page stays as it is")
    options = parser.parse_args()
    events = 1_000_000 if options.million else 20_000 if options.quick else 200_000
    with fresh_database("ingest"):
        from tests.benchmarks.product import running

        rows: list[Row] = []
        with running() as port:
            bench = Bench(port, 3 if options.quick else 10, events)
            parts = {"bulk": bench.bulk, "single": bench.single, "spans": bench.spans, "memory": bench.memory}
            for name, part in parts.items():
                if options.only in (None, name):
                    for row in part():
                        print(row.line(), flush=True)
                        rows.append(row)
        if not options.quick and not options.only:
            _write(rows)


if __name__ == "__main__":
    main()

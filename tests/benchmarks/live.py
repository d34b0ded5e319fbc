"""`python -m tests.benchmarks.live`: measures the live stream and writes docs/performance-live.md."""

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count

import psutil

from tests.benchmarks.fresh import fresh_database
from tests.benchmarks.measure import Times
from tests.benchmarks.preload import PROJECT
from tests.benchmarks.rows import Row, table


@dataclass(frozen=True)
class Heard:
    """Seconds from sending until clients had it, for each event."""

    first: Times
    median: Times
    p99: Times
    last: Times


class Crowd:
    """So many clients of one server (tests/benchmarks/crowd.py)."""

    def __init__(self, port: int, clients: int, path: str = "/", **more: object) -> None:
        task = {"port": port, "clients": clients, "path": path, "headers": {}, "message": None, **more}
        command = [sys.executable, "-m", "tests.benchmarks.crowd", json.dumps(task)]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def wait(self) -> list[float]:
        """When the first, the median, the 99th percentile and the last client had the next event."""
        return [float(value) for value in json.loads(self._line())[1:]]

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients have gone")
        return line.strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


class Broadcast:
    """The limit (tests/benchmarks/broadcast.py), and its clients."""

    def __init__(self, clients: int, text: str) -> None:
        port = _free_port()
        command = [sys.executable, "-m", "tests.benchmarks.broadcast", str(port)]
        self._server = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self._server.stdout.readline()
        self._crowd = Crowd(port, clients)
        self._text = text
        self._numbers = count(1)

    def send(self) -> list[float]:
        assert self._server.stdin is not None
        text = self._text.replace("SEQUENCE", f"{next(self._numbers):019}")
        started = time.monotonic()
        self._server.stdin.write(text + "\n")
        self._server.stdin.flush()
        return [had - started for had in self._crowd.wait()]

    def close(self) -> None:
        self._crowd.close()
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(20)


class Product:
    """Tagsite in one process, as the demo runs it; a writer, and clients that hear all."""

    def __init__(self, clients: int) -> None:
        from tests.benchmarks.product import Client
        from tests.cast import Tenant
        from tests.live.servers import LiveServer

        self.tenant = Tenant.create()
        self._execution = self.tenant.execution("extract")
        self.server = LiveServer()
        self.memory_before = self.memory()
        self.crowds = [self.join(clients)]
        self.clients = clients
        self._writer = Client(self.server.port)
        self._numbers = count(1)

    def join(self, clients: int) -> Crowd:
        headers = {"X-API-Key": self.tenant.token}
        message = {"type": "subscribe", "after": None}
        return Crowd(self.server.port, clients, "/ws/events", headers=headers, message=message)

    def memory(self) -> int:
        return int(psutil.Process(self.server.process.pid).memory_info().rss)

    def send(self) -> list[float]:
        """One tag, over HTTP; from the first byte of the request until the event is there."""
        from tests.benchmarks.product import body_of, request
        from tests.cast import operation

        tag = f"checked {next(self._numbers)}"
        change = {"tags": [operation("add", self._execution, "extract", tag, tag_metadata={"score": 0.5})]}
        body = json.dumps(change).encode()
        started = time.monotonic()
        self._writer.start(request("PATCH", "/api/task-tags", self.tenant.token, body))
        had = [had - started for had in self.crowds[0].wait()]
        body_of(self._writer.finish())
        return had

    def close(self) -> None:
        self._writer.close()
        for crowd in self.crowds:
            crowd.close()
        self.server.close()


def _heard(sent: Sequence[Sequence[float]]) -> Heard:
    return Heard(*(Times(tuple(sorted(column))) for column in zip(*sent, strict=True)))


def fan_out(clients: int, rounds: int) -> Row:
    with closing(Product(clients)) as product, closing(Broadcast(clients, _example(product))) as limit:
        for side in (product, limit):
            for _ in range(5):
                side.send()
        sent: dict[str, list[list[float]]] = {"product": [], "limit": []}
        for _ in range(rounds):
            sent["product"].append(product.send())
            sent["limit"].append(limit.send())
    ours, other = _heard(sent["product"]), _heard(sent["limit"])
    note = (
        f"product {_ms(ours.last.p50)} (p90 {_ms(ours.last.p90)}), the first client after {_ms(ours.first.p50)};"
        f" `broadcast()` {_ms(other.last.p50)} (p90 {_ms(other.last.p90)}), first {_ms(other.first.p50)}"
    )
    return Row(
        f"Sent to the last of {clients:,} clients ÷ `broadcast()`", ours.last.p50 / other.last.p50, 1.5, "", note
    )


def _example(product: Product) -> str:
    """An event as the product sends it, with its number left open."""
    from tests.live.client import listening

    with listening(product.server.socket_url, {"X-API-Key": product.tenant.token}) as listener:
        text = json.dumps({"type": "event", "event": listener.subscribe(after=0) and listener.events(1)[0]})
    return text.replace('"sequence": "0000000000000000001"', '"sequence": "SEQUENCE"')


def to_screen(rounds: int) -> list[Row]:
    with closing(Product(100)) as product:
        sent = []
        for _ in range(rounds):
            sent.append(product.send())
            time.sleep(0.02)
    heard = _heard(sent)
    note = f"{rounds} tags, one after the other; from sending the request, so the commit is in it"
    return [
        Row("Commit to screen, 100 clients: median", heard.median.p50 * 1e3, 20, "ms", note),
        Row(
            "Commit to screen, 100 clients: 99th percentile", heard.last.quantile(0.99) * 1e3, 100, "ms", "of the last"
        ),
    ]


def many(clients: int, rounds: int) -> list[Row]:
    with closing(Product(clients)) as product:
        each = (product.memory() - product.memory_before) / clients
        heard = _heard([product.send() for _ in range(rounds)])
    note = f"all {clients:,} heard each of {rounds} events; the last of them after {_ms(heard.last.p50)}"
    return [Row(f"Memory for each of {clients:,} idle sockets", each / 1000, 40, "kB", note)]


def beside_stuck(clients: int, stuck: int, rounds: int) -> Row:
    from tests.live.test_stuck_clients import never_reading

    with closing(Product(clients)) as product:
        alone: list[list[float]] = []
        beside: list[list[float]] = []
        for _ in range(3):
            alone += [product.send() for _ in range(rounds)]
            lines = [never_reading(product.server, {"X-API-Key": product.tenant.token}) for _ in range(stuck)]
            beside += [product.send() for _ in range(rounds)]
            for line in lines:
                line.close()
            time.sleep(1)
    with_them, without = _heard(beside), _heard(alone)
    note = f"{_ms(with_them.p99.p50)} beside {stuck}, {_ms(without.p99.p50)} alone"
    title = f"99th percentile of {clients} clients beside {stuck} that never read ÷ alone"
    return Row(title, with_them.p99.p50 / without.p99.p50, 1.1, "", note)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(rows: Sequence[Row]) -> None:
    from tests.benchmarks.report import DOCS, machine  # imports models

    (DOCS / "performance-live.md").write_text(_PAGE.format(table=table(rows), machine=machine()))


_PAGE = """# Performance of the live stream

`make bench` measures it and writes this page.

{table}

## How it is measured

- Real processes and sockets on the loopback interface. The server is the demo's: one process for web and sockets, with
  PostgreSQL (fsync on) beside it.
- An event is sent by `PATCH /api/task-tags` with one tag; the clock starts before the request's first byte, so
  authentication, the commit, the bell and the reading of the event are in it.
- The limit is `broadcast()` of the package websockets, on the same event loop (uvloop), of a text of the same length
  that it has in memory already; the clock starts when it is told to. Product and limit take turns.
- The clients are raw sockets in one process (`tests/benchmarks/crowd.py`), the same for both.
- A client that never reads has subscribed to everything, with a receive buffer of 4 kB.
- Memory is the growth of the server's resident memory by connecting, divided by the sockets.

## The machine of these figures

{machine}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the page stays as it is")
    options = parser.parse_args()
    rounds = 30 if options.quick else 300
    with ExitStack() as stack:
        stack.enter_context(fresh_database("live"))
        rows: list[Row] = []
        for measured in (
            lambda: [fan_out(1000, rounds)],
            lambda: to_screen(rounds),
            lambda: many(1000, rounds // 10),
            lambda: many(5000, rounds // 10),
            lambda: [beside_stuck(500, 50, rounds // 3)],
        ):
            fresh = measured()
            for row in fresh:
                print(row.line(), flush=True)
            rows += fresh
        if not options.quick:
            _write(rows)


if __name__ == "__main__":
    main()

"""The table at the terminal, docs/performance.md and its plot."""

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.cases import Result
from tests.benchmarks.measure import Times
from tests.benchmarks.preload import PROJECT

DOCS = PROJECT / "docs"
_MET, _MISSED, _GOAL = "#3b7a57", "#b3443c", "#333333"

_PAGE = """# Performance

Tagsite is measured beside its limit: the same work by hand, with nothing between the program and PostgreSQL.
`make bench` measures it and writes this page.

{table}

![Measured beside the goal](performance.png)

Times are the median, and in brackets the time within which nine of ten were done, in milliseconds; for 16 clients it is
the time for {crowd} requests.

## Of what the time consists

{engine}

The engine alone is `apply_batch` called in the same process; the rest is HTTP, authentication, reading the body and
checking it.

## How it is measured

- The database holds 1,000,000 active tags and 1,000,000 events of one organization, over 20,000 flow executions, under
  the schema, the role and the row-level security of production. It is a PostgreSQL of its own, with fsync on.
- The server is started as in production (`manage.py serve`), writes a line for each request to its log, and is called
  over HTTP on the loopback interface, with an API key, on connections that are kept alive.
- Each batch adds new tags, with metadata, to flow executions picked at random. All clients work in one organization, so
  that they share its stream of events.
- The limit (`tests/benchmarks/limit.py`) takes the same JSON text and gives the same answer: psycopg, a connection for
  each client, prepared statements, one round trip for a batch. It locks, checks, writes tags and events, and commits as
  the product does. Before measuring, both are given the same batches, and their statuses, tags and events compared.
- For GET the limit is the same JSON, built by one statement of PostgreSQL.
- The baseline (`tests/benchmarks/naive.py`) does what one writes first with Django's ORM: for each operation look up
  the flow execution and the task, `get_or_create` the tag, take a position and create an event, in one transaction.
- Product and limit take turns, ten requests each, so that whatever else the machine does meets both.

## The machine of these figures

{machine}

## Again

    make bench                                   # all, and writes this page
    python -m tests.benchmarks --quick           # fewer rounds, writes nothing
    python -m tests.benchmarks --only patch100   # one line of the table: {names}
    python -m tests.benchmarks --fresh           # loads the database anew
"""


def line(result: Result) -> str:
    """For the terminal."""
    verdict = "ok  " if result.passed else "MISS"
    times = "  ".join(f"{name} {_milliseconds(time)}" for name, time in result.times.items())
    return f"{verdict} {result.title:52} {result.measured:6.2f} ({_goal(result):12})  {times}  {result.note}"


def write(results: Sequence[Result]) -> None:
    page = _PAGE.format(
        table=_table(results),
        engine=_engine(results),
        crowd=next(result.requests for result in results if result.name == "crowd"),
        machine=machine(),
        names=", ".join(f"`{result.name}`" for result in results),
    )
    (DOCS / "performance.md").write_text(page)
    _plot(results, DOCS / "performance.png")


def _table(results: Sequence[Result]) -> str:
    rows = ["| | product | limit, or baseline | measured | goal | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for result in results:
        product, other = (_milliseconds(result.times[name]) for name in ("product", result.other))
        verdict = "met" if result.passed else "**missed**"
        note = f"{result.title}<br>{result.note}" if result.note else result.title
        rows.append(f"| {note} | {product} | {other} | {result.measured:.2f} | {_goal(result)} | {verdict} |")
    return "\n".join(rows)


def _engine(results: Sequence[Result]) -> str:
    rows = ["| | limit | engine alone | product | engine ÷ limit |", "| --- | ---: | ---: | ---: | ---: |"]
    for result in results:
        if "engine" in result.times:
            limit, engine, product = (result.times[name] for name in ("limit", "engine", "product"))
            cells = [result.title, *(f"{time.p50 * 1e3:.2f}" for time in (limit, engine, product))]
            rows.append(f"| {' | '.join(cells)} | {engine.p50 / limit.p50:.2f} |")
    return "\n".join(rows)


def _goal(result: Result) -> str:
    return f"at {'most' if result.at_most else 'least'} {result.goal:g}"


def _milliseconds(times: Times) -> str:
    return f"{times.p50 * 1e3:.2f} ({times.p90 * 1e3:.2f})"


def machine() -> str:
    """Where the figures are from."""
    return "\n".join(
        [
            f"- {os.cpu_count()} cores of {_first_word('/proc/cpuinfo', 'model name')}, shared with other work",
            f"- {int(_first_word('/proc/meminfo', 'MemTotal').split()[0]) // 2**20} GB of memory",
            f"- load average {os.getloadavg()[1]:.1f} over the last five minutes, own niceness {os.nice(0)}",
            f"- {platform.system()}, Python {platform.python_version()}, PostgreSQL 18",
        ]
    )


def _first_word(file: str, name: str) -> str:
    """The value of `name : value`; Linux alone has these files."""
    path = Path(file)
    found = re.search(rf"^{name}\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return found[1] if found else "0 (unknown)"


def _plot(results: Sequence[Result], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(10, 5.2), layout="constrained")
    for axis, result in zip(axes.flat, results, strict=True):
        axis.bar([0], [result.measured], width=0.5, color=_MET if result.passed else _MISSED)
        axis.axhline(result.goal, color=_GOAL, linestyle="--")
        axis.annotate(f"{result.measured:.2f}", (0, result.measured / 2), ha="center", color="white", fontweight="bold")
        axis.annotate(_goal(result), (0.95, result.goal), ha="right", va="bottom", color=_GOAL)
        axis.set(xlim=(-1, 1), ylim=(0, 1.25 * max(result.measured, result.goal)), xticks=[])
        axis.set_title(result.title.replace(": ", ":\n"), fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Tagsite beside its limit: measured (bar) and goal (dashed)", fontsize=11)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)

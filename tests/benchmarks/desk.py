"""`python -m tests.benchmarks.desk`: measures the inbox and the task page and writes docs/performance-desk.md."""

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from playwright.sync_api import Browser

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks import desk_rows, first_paint
from tests.benchmarks.desk_rows import LARGE, PEOPLE, SIZES, SMALL, Size
from tests.benchmarks.first_paint import Painted
from tests.benchmarks.measure import Times, in_turns
from tests.benchmarks.preload import FOLDER, configure

GOAL = 30  # milliseconds, for the median
_OF_TASK = "a task's page"
_FIGURES = "their figures, which come after the page"

# What is asked of the inbox, in words and as its query string.
INBOX = {
    "the inbox": "",
    "the newest first": "?sort=newest",
    "by flow": "?sort=flow",
    "by task": "?sort=task",
    "one waiting tag": "?tag=requires_review",
    "another tag beside it": "?tag=low-confidence",
    "a flow": "?flow=Invoices",
    "a flow that is not there": "?flow=none",
    "a status": "?status=failed",
    "a status that none has": "?status=queued",
    "a flow and a status": "?flow=Invoices&status=failed",
    "a task name that none has": "?task=none",
    "who put it there": f"?actor={PEOPLE[0]}",
    "a tag type that none has": "?tag_type=none",
    "the last day": "?age=day",
    "older than a week": "?age=older",
    "a search that finds some": "?q=Supplier+17",
    "a search that finds nothing": "?q=nowhere",
    "all tasks": "?show=all",
    "all tasks, the oldest first": "?show=all&sort=oldest",
    "all tasks with a status": "?show=all&status=failed",
    "all tasks with a tag": "?show=all&tag=approved",
    "all tasks without a tag": "?show=all&tag=-",
    "all tasks of a flow": "?show=all&flow=Orders",
    "a search in all tasks": "?show=all&q=nowhere",
}
# Pages whose first paint is measured.
PAINTED = {
    "the inbox": "/",
    _OF_TASK: "/tasks/{task}",
    "a run's page": "/runs/{run}",
    "the activity": "/activity",
    "the insights": "/insights",
}
# Task executions whose pages are opened, one after the other: those that wait, spread over the list.
_SOME_THAT_WAIT = """
    SELECT run.id FROM task_tag AS tag JOIN task_execution AS run USING (organization_id, flow_execution_id, task_name)
    WHERE tag.organization_id = %(organization)s AND tag.tag = 'pending_approval' AND tag.status = 'active'
    ORDER BY hashtext(tag.id::text) LIMIT 50
"""


@dataclass(frozen=True)
class Measured:
    """One page, in both organizations."""

    title: str
    times: dict[str, Times]
    statements: dict[str, int]

    @property
    def passed(self) -> bool:
        return all(times.p50 * 1e3 <= GOAL for times in self.times.values()) and len(set(self.statements.values())) == 1

    def line(self) -> str:
        """For the terminal."""
        figures = "   ".join(f"{_ms(self.times[size.name]):>14} {self.statements[size.name]:3}" for size in SIZES)
        return f"{'ok  ' if self.passed else 'MISS'} {self.title:30} {figures}"

    def cells(self) -> str:
        small, large = (self.times[size.name] for size in SIZES)
        counts = sorted(set(self.statements.values()))
        verdict = "met" if self.passed else "**missed**"
        return f"| {self.title} | {_ms(small)} | {_ms(large)} | {' to '.join(map(str, counts))} | {verdict} |"


class Bench:
    """A server, and somebody who is logged in in each of the organizations."""

    def __init__(self, port: int, rounds: int, stack: ExitStack) -> None:
        from tests.benchmarks.product import Client

        self._rounds, self._port = rounds, port
        self._cookies = {size: _log_in(size) for size in SIZES}
        self._clients = {size: stack.enter_context(closing(Client(port))) for size in SIZES}
        self._tasks = {size: _tasks(size) for size in SIZES}

    def inbox(self, title: str) -> Measured:
        return self._measure(title, {size: [f"/{INBOX[title]}"] for size in SIZES})

    def task(self) -> Measured:
        return self._measure(_OF_TASK, {size: [f"/tasks/{id}" for id in self._tasks[size]] for size in SIZES})

    def paint(self, browser: Browser, title: str) -> Painted:
        return Painted(title, self._visits(browser, PAINTED[title], first_paint.FIRST_PAINT))

    def figures(self, browser: Browser) -> Painted:
        return Painted(_FIGURES, self._visits(browser, "/insights", first_paint.FIGURES), has_goal=False)

    def _visits(self, browser: Browser, path: str, until: str) -> tuple[float, ...]:
        url, times = f"http://127.0.0.1:{self._port}", []
        for size in SIZES:
            here = path.format(task=self._tasks[size][0], run=_run_of(self._tasks[size][0]))
            times += first_paint.visits(browser, url, self._cookies[size], here, until, self._rounds // 5)
        return tuple(times)

    def _measure(self, title: str, paths: dict[Size, list[str]]) -> Measured:
        turns = {size.name: self._work(size, paths[size]) for size in SIZES}
        times = in_turns(turns, self._rounds, warm_up=10)  # as many as a connection needs to have its plans
        statements = {size.name: _statements(self._cookies[size], paths[size][0]) for size in SIZES}
        return Measured(title, times, statements)

    def _work(self, size: Size, paths: Sequence[str]) -> Callable[[], Callable[[], object]]:
        from tests.benchmarks.product import body_of

        client, number = self._clients[size], iter(range(10**9))

        def prepare() -> Callable[[], object]:
            path = paths[next(number) % len(paths)]
            head = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: sessionid={self._cookies[size]}", "", ""]
            sent = "\r\n".join(head).encode()
            return lambda: body_of(client.send(sent))

        return prepare


def _log_in(size: Size) -> str:
    """A reviewer's session, with three saved views. The database stays, so the person may be there already."""
    from django.test import Client

    from tags.actions.credentials import caller_of_user
    from tags.actions.organizations import add_member, create_user
    from tags.actions.saved_views import create_view
    from tags.models import Role, User

    username = f"reviewer of {size.name}"
    user = User.objects.filter(username=username).first()
    if user is None:
        user = create_user(username)
        add_member(size.organization_id, username, Role.REVIEWER)
        caller = caller_of_user(user.id, size.organization_id, "")
        for name, query in (("Invoices", "?flow=Invoices"), ("Failed", "?status=failed"), ("Today", "?age=day")):
            create_view(caller, name, query)
    client = Client()
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


def _tasks(size: Size) -> list[UUID]:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        rows = owner.execute(_SOME_THAT_WAIT, {"organization": size.organization_id})
        return [id for (id,) in rows]


def _run_of(task: UUID) -> UUID:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        row = owner.execute("SELECT flow_execution_id FROM task_execution WHERE id = %s", [task]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def _statements(cookie: str, path: str) -> int:
    """How many statements the page sends, as the client's own process counts them."""
    from django.db import connection
    from django.test import Client

    sent: list[str] = []

    def count(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        sent.append(statement)
        return execute(statement, parameters, many, context)

    client = Client(headers={"Host": "127.0.0.1"})
    client.cookies["sessionid"] = cookie
    with connection.execute_wrapper(count):
        assert client.get(path).status_code == 200
    return len(sent)


def _ms(times: Times) -> str:
    return f"{times.p50 * 1e3:.1f} ({times.p90 * 1e3:.1f})"


def _write(measured: Sequence[Measured], painted: Sequence[Painted]) -> None:
    from tests.benchmarks.report import DOCS, machine  # imports models

    head = f"| | {SMALL.name} task executions | {LARGE.name} | statements | at most {GOAL} ms |"
    rows = "\n".join([head, "| --- | ---: | ---: | ---: | --- |", *(one.cells() for one in measured)])
    paints = first_paint.table(painted, [size.name for size in SIZES])
    (DOCS / "performance-desk.md").write_text(_PAGE.format(table=rows, paints=paints, machine=machine()))


_PAGE = """# Performance of the review desk

`make bench` measures it and writes this page. Times are the median, and in brackets the time within which nine of ten
were done, in milliseconds.

{table}

A page shows 50 tasks. Where an index does not have the answer, a page looks at the next 1,000 rows of the list, says
so, and goes on by itself; by flow and by task it sorts the 1,000 that wait longest. Figures count up to 100 tasks of
each waiting tag, and up to 99 of a saved view.

## First paint

When something of the page is first seen in Chromium (first-contentful-paint, in milliseconds, median): by a browser
that has nothing of it yet, and on the next visit. The insights ask for their figures once they are shown: all that
waits is counted, a hundred thousand tasks in the large organization.

{paints}

## How it is measured

- Two organizations of one database: one has 1,000 task executions, the other 1,000,000, of which one in ten waits. They
  differ in nothing else: 8 flows, half a tag for each task, an event for each task and tag
  (`tests/benchmarks/desk_rows.py`). It is a PostgreSQL of its own, with fsync on and the row-level security of
  production.
- The server is started as in production (`manage.py serve`) and asked over HTTP on the loopback interface, on
  connections that are kept alive, with a session's cookie. From the first byte of the request to the last of the page:
  finding the session, the person and their membership is in it.
- The two organizations take turns, so that whatever else the machine does meets both.
- The task's page is opened for 50 tasks in turn. The person has three saved views, whose figures the inbox asks for
  apart, after it has been shown.

## The machine of these figures

{machine}

## Again

    python -m tests.benchmarks.desk            # all, and writes this page
    python -m tests.benchmarks.desk --quick    # fewer rounds, writes nothing
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.desk", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the page stays as it is")
    parser.add_argument("--fresh", action="store_true", help="load the database anew")
    options = parser.parse_args()
    server = EmbeddedPostgres(FOLDER / "postgres", durable=True)
    started = server.start()
    try:
        configure(server, desk_rows.DATABASE)
        desk_rows.prepare(server, fresh=options.fresh)
        _run(options.quick)
    finally:
        if started:
            server.stop()


def _run(is_quick: bool) -> None:
    from tests.benchmarks.product import running

    with ExitStack() as stack:
        bench = Bench(stack.enter_context(running()), 10 if is_quick else 50, stack)
        measured = [bench.task()]
        print(measured[0].line(), flush=True)
        for title in INBOX:
            measured.append(bench.inbox(title))
            print(measured[-1].line(), flush=True)
        painted = _paint(bench)
    if not is_quick:
        _write(measured, painted)


def _paint(bench: Bench) -> list[Painted]:
    painted = []
    with first_paint.browser() as started:
        for title in PAINTED:
            painted.append(bench.paint(started, title))
            print(painted[-1].cells(), flush=True)
        painted.append(bench.figures(started))
        print(painted[-1].cells(), flush=True)
    return painted


if __name__ == "__main__":
    main()

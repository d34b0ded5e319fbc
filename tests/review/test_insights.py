"""The figures of Insights, beside the same computed in another way from what was done."""

import csv
import io
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.credentials import caller_of_user
from tags.actions.decisions import MOST_TASKS, Task, decide, undo
from tags.db.tenancy import in_organization
from tags.errors import Conflict
from tags.models import DecisionKind, FlowExecution
from tags.review.insights_period import Period
from tags.review.insights_query import Figures, all_insights
from tests.cast import Tenant
from tests.review.pages import browser, text

APPROVE, REJECT, FLAG = DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.FLAG
NAMES = ["extract", "sum[3]", "sum[4]", "call [0123456789abcdef]"]
WAITING = ["pending_approval", "requires_review", "requires_attention"]
# A history of seconds is stretched over days.
# What takes a second or two here takes days there.
STRETCH = 600_000
START = datetime(2024, 3, 4, tzinfo=UTC)


@dataclass
class Made:
    """One task of a decision; `before` are the tags that made it wait, and since when."""

    kind: DecisionKind
    user: UUID
    task: Task
    at: datetime
    before: dict[str, datetime]
    counts: bool = True


@dataclass
class Model:
    """What a history must come to, kept by hand: each task's waiting tags with when they were put on."""

    tenant: Tenant
    executions: list[FlowExecution]
    chance: random.Random
    waiting: dict[Task, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    tags_since: dict[Task, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    made: dict[UUID, list[Made]] = field(default_factory=dict)

    def task(self) -> Task:
        return self.chance.choice(self.executions).id, self.chance.choice(
            ["extract", "sum[3]", "sum[4]", "call [0123456789abcdef]"]
        )

    def newest_time(self) -> datetime:
        with in_organization(self.tenant.id), connection.cursor() as cursor:
            cursor.execute("SELECT time FROM event WHERE organization_id = %s ORDER BY position DESC", [self.tenant.id])
            return cursor.fetchone()[0]

    def put_on_or_take_off(self) -> None:
        """As programs do; what they take off was not decided."""
        task, tag = self.task(), self.chance.choice(WAITING[:2])
        kind = (
            OperationKind.ADD if tag not in self.waiting[task] or self.chance.random() < 0.5 else OperationKind.REMOVE
        )
        apply_batch([Operation(kind, *task, tag, "review")], self.tenant.actor, self.tenant.id)
        if kind is OperationKind.REMOVE:
            del self.waiting[task][tag], self.tags_since[task][tag]
        elif tag not in self.waiting[task]:
            self.waiting[task][tag] = self.tags_since[task][tag] = self.newest_time()

    def decide(self) -> None:
        kind = self.chance.choice([APPROVE, APPROVE, REJECT, FLAG])
        user = self.chance.choice([self.tenant.reviewer, self.tenant.admin])
        tasks = list({self.task() for _ in range(self.chance.choice([1, 1, 3]))})
        decided = decide(caller_of_user(user.id, self.tenant.id, "test"), kind, tasks)
        at = self.newest_time()
        self.made[decided.group_id] = []
        for task in decided.changed:
            made = Made(kind, user.id, task, at, {} if kind == FLAG else dict(self.waiting[task]))
            self.made[decided.group_id].append(made)
            if kind == FLAG:
                self.waiting[task]["requires_attention"] = self.tags_since[task]["requires_attention"] = at
            else:
                self.waiting[task], self.tags_since[task] = {}, {}

    def take_back(self) -> None:
        groups = [group for group, made in self.made.items() if made and made[0].counts]
        if not groups:
            return
        group = self.chance.choice(groups[-3:])
        try:
            undo(caller_of_user(self.tenant.admin.id, self.tenant.id, "test"), group)
        except Conflict:
            return  # somebody has changed these tags since
        for made in self.made[group]:
            made.counts = False
            if made.kind == FLAG:
                del self.waiting[made.task]["requires_attention"], self.tags_since[made.task]["requires_attention"]
            self.waiting[made.task].update(made.before)
            self.tags_since[made.task].update(dict.fromkeys(made.before, self.newest_time()))

    @property
    def counted(self) -> list[Made]:
        return [made for group in self.made.values() for made in group if made.counts]


def figures(of: list[Made]) -> tuple[Any, ...]:
    """The median and the 90th percentile by the standard library: its inclusive quantiles are PostgreSQL's."""
    kinds = [sum(made.kind == kind for made in of) for kind in (APPROVE, REJECT, FLAG)]
    waits = [(stretched(made.at) - stretched(min(made.before.values()))).total_seconds() for made in of if made.before]
    if len(waits) == 1:
        waits *= 2
    tenths = quantiles(waits, n=10, method="inclusive") if waits else None
    return (*kinds, *((pytest.approx(tenths[4]), pytest.approx(tenths[8])) if tenths else (None, None)))


def shown(figures: Figures) -> tuple[Any, ...]:
    return figures.approved, figures.rejected, figures.flagged, figures.median, figures.ninetieth


origin = datetime(1970, 1, 1, tzinfo=UTC)


def stretched(time: datetime) -> datetime:
    return START + (time - origin) * STRETCH


def stretch(owner: psycopg.Connection, tenant: Tenant, first: datetime) -> None:
    """Move everything that the figures are made of to where `stretched` says that it happened."""
    global origin
    origin = first
    values = {"organization": tenant.id, "origin": origin, "start": START, "stretch": STRETCH}
    for table, columns in (
        ("task_tag", ["created_at", "updated_at"]),
        ("decided_task", ["decided_at", "waiting_since", "undone_at"]),
    ):
        changes = ", ".join(f"{name} = %(start)s + ({name} - %(origin)s) * %(stretch)s" for name in columns)
        owner.execute(f"UPDATE {table} SET {changes} WHERE organization_id = %(organization)s", values)


@pytest.fixture
def model(tenant: Tenant) -> Model:
    executions = [tenant.execution(*NAMES, flow_name=flow) for flow in ("invoices", "invoices", "contracts")]
    return Model(tenant, executions, random.Random(11))  # noqa: S311  # repeatable, not secret


def grouped(made: list[Made], key: Any) -> dict[Any, tuple[Any, ...]]:
    groups = defaultdict(list)
    for one in made:
        groups[key(one)].append(one)
    return {name: figures(members) for name, members in groups.items()}


def test_a_random_history_comes_to_the_same_figures(model: Model, owner: psycopg.Connection) -> None:
    first = datetime.now(UTC)
    for _ in range(150):
        model.chance.choices([model.put_on_or_take_off, model.decide, model.take_back], [4, 5, 2])[0]()
    stretch(owner, model.tenant, first)
    flows = {execution.id: "contracts" if n == 2 else "invoices" for n, execution in enumerate(model.executions)}
    steps = {"sum[3]": "sum", "sum[4]": "sum", "call [0123456789abcdef]": "call"}
    made = model.counted
    assert {one.counts for group in model.made.values() for one in group} == {True, False}
    days = [stretched(one.at).date() for one in made]
    assert len(set(days)) > 3

    with in_organization(model.tenant.id):
        found = all_insights(model.tenant.id, WAITING, Period(min(days), max(days)))
        of_flow = all_insights(model.tenant.id, WAITING, Period(min(days), max(days), flow="contracts"))
        late = all_insights(model.tenant.id, WAITING, Period(max(days), max(days)))

    assert shown(found.total) == figures(made)
    assert {day: shown(of) for day, of in found.days.items() if of.decisions} == grouped(
        made, lambda one: stretched(one.at).date()
    )
    assert {name: shown(of) for name, of in found.flows.items()} == grouped(made, lambda one: flows[one.task[0]])
    assert {name: shown(of) for name, of in found.tasks.items()} == grouped(
        made, lambda one: (flows[one.task[0]], steps.get(one.task[1], one.task[1]))
    )
    assert {id: shown(of) for id, of in found.reviewers.items()} == grouped(made, lambda one: one.user)
    assert shown(of_flow.total) == figures([one for one in made if flows[one.task[0]] == "contracts"])
    assert shown(late.total) == figures([one for one in made if stretched(one.at).date() == max(days)])

    waits = {task: min(tags.values()) for task, tags in model.tags_since.items() if tags}
    assert found.total.waiting == len(waits) == sum(found.ages.values())
    assert {name: of.waiting for name, of in found.flows.items() if of.waiting} == {
        flow: sum(flows[task[0]] == flow for task in waits) for flow in {flows[task[0]] for task in waits}
    }
    oldest = (datetime.now(UTC) - stretched(min(waits.values()))).total_seconds()
    assert found.total.oldest == pytest.approx(oldest, abs=60)


def test_what_an_undo_brought_back_has_waited_from_the_first_time(tenant: Tenant) -> None:
    task = (tenant.execution("extract").id, "extract")
    apply_batch([Operation(OperationKind.ADD, *task, "pending_approval", "review")], tenant.actor, tenant.id)
    reviewer = caller_of_user(tenant.reviewer.id, tenant.id, "test")
    for _ in range(2):
        undo(reviewer, decide(reviewer, APPROVE, [task]).group_id)
    decide(reviewer, REJECT, [task])
    with in_organization(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT waiting_since, undone_at IS NULL FROM decided_task ORDER BY decided_at")
        rows = cursor.fetchall()
    assert len({since for since, _ in rows}) == 1
    assert [counts for _, counts in rows] == [False, False, True]


# The page and its files


@pytest.fixture
def decided(tenant: Tenant) -> Tenant:
    """Two flows, one of them with a name that a spreadsheet would run."""
    for flow in ("=HYPERLINK(1)", "invoices"):
        execution = tenant.execution("extract", "+sum", flow_name=flow)
        tasks = [(execution.id, "extract"), (execution.id, "+sum")]
        add = [Operation(OperationKind.ADD, *task, "pending_approval", "review") for task in tasks]
        apply_batch(add, tenant.actor, tenant.id)
        decide(caller_of_user(tenant.reviewer.id, tenant.id, "test"), APPROVE, tasks[:1])
    return tenant


def figures_page(client: Client, query: str = "") -> str:
    """What the page asks itself for."""
    response = client.get(f"/insights{query}", headers={"HX-Request": "true"})
    assert response.status_code == 200
    return text(response)


def rows(tenant: Tenant, path: str, who: str = "viewer") -> list[dict[str, str]]:
    response = browser(tenant, who).get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_every_member_sees_the_page(decided: Tenant) -> None:
    for who in ("viewer", "reviewer", "admin"):
        page = figures_page(browser(decided, who))
        assert " style=" not in page
        assert re.search(r'class="figure" href="/">2</a>', page)
        assert "=HYPERLINK(1)" in page
    assert "<svg" in page
    assert "<desc" in page


def test_the_page_asks_for_the_figures_of_its_period(decided: Tenant) -> None:
    page = text(browser(decided).get("/insights?from=2026-01-01&to=2026-01-31&flow=invoices"))
    assert 'hx-get="/insights?flow=invoices&amp;from=2026-01-01&amp;to=2026-01-31"' in page
    assert 'class="figure"' not in page


def test_the_page_of_an_organization_without_anything(tenant: Tenant) -> None:
    page = figures_page(browser(tenant), "?days=90")
    assert "Nothing to measure in this period" in page
    assert "Nothing was decided in this period, and nothing waits." in page


def test_the_number_of_statements_is_fixed(decided: Tenant) -> None:
    client = browser(decided)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            figures_page(client, "?days=7")
        return len(asked)

    few = count()
    for _ in range(3):
        execution = decided.execution("a", "b", flow_name=f"flow {_}")
        decide(caller_of_user(decided.admin.id, decided.id, "test"), FLAG, [(execution.id, "a"), (execution.id, "b")])
    assert count() == few <= 14


def test_nothing_in_a_file_is_a_formula(decided: Tenant) -> None:
    found = {(row["flow"], row["task"]): row for row in rows(decided, "/insights/tasks.csv?days=7")}
    assert set(found) == {(f, t) for f in ("'=HYPERLINK(1)", "invoices") for t in ("extract", "'+sum")}
    row = found["invoices", "extract"]
    assert (row["approved"], row["waiting"]) == ("1", "0")
    assert float(row["median_seconds"]) >= 0
    assert (found["invoices", "'+sum"]["approved"], found["invoices", "'+sum"]["waiting"]) == ("0", "1")


def test_each_file_has_its_rows(decided: Tenant) -> None:
    assert [row["decision"] for row in rows(decided, "/insights/decisions.csv?flow=invoices")] == ["approve"]
    assert len(rows(decided, "/insights/days.csv?from=2026-01-01&to=2026-01-31")) == 31
    assert [row["reviewer"] for row in rows(decided, "/insights/reviewers.csv")] == [decided.reviewer.username]
    assert sum(int(row["tasks"]) for row in rows(decided, "/insights/backlog.csv")) == 2
    assert {row["flow"] for row in rows(decided, "/insights/flows.csv")} == {"'=HYPERLINK(1)", "invoices"}


def test_the_tasks_of_a_deleted_run_wait_no_more(decided: Tenant) -> None:
    with in_organization(decided.id):
        run = FlowExecution.objects.in_organization(decided.id).get(flow__name="invoices")
    assert decided.api().delete(f"/api/flow-executions/{run.id}").status_code in (200, 204)
    assert {row["flow"]: row["waiting"] for row in rows(decided, "/insights/flows.csv")} == {
        "'=HYPERLINK(1)": "1",
        "invoices": "0",
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("days=8", "Select a valid choice"),
        ("from=2026-02-01", "Give both days"),
        ("from=2026-02-01&to=2026-01-01", "before the first"),
        ("from=2020-01-01&to=2026-01-01", "at most 366 days"),
        ("from=0001-01-01&to=0001-01-02", "at most 366 days"),
        ("flow=%00", "Null characters"),
    ],
)
def test_a_period_that_is_none_is_named(tenant: Tenant, query: str, message: str) -> None:
    client = browser(tenant)
    assert message in text(client.get(f"/insights?{query}"))
    response = client.get(f"/insights/days.csv?{query}")
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_an_unknown_file_is_not_there(tenant: Tenant) -> None:
    assert browser(tenant).get("/insights/secrets.csv").status_code == 404


def test_nothing_of_another_organization_is_counted(decided: Tenant, neighbour: Tenant) -> None:
    page = figures_page(browser(neighbour), "?flow=invoices")
    assert "HYPERLINK" not in page
    assert rows(neighbour, "/insights/decisions.csv") == []


def test_a_bulk_decision_counts_each_of_its_tasks(tenant: Tenant) -> None:
    names = [f"task {number}" for number in range(MOST_TASKS)]
    execution = tenant.execution(*names)
    decide(caller_of_user(tenant.reviewer.id, tenant.id, "test"), APPROVE, [(execution.id, name) for name in names])
    assert [row["approved"] for row in rows(tenant, "/insights/reviewers.csv")] == [str(MOST_TASKS)]


def test_the_last_day_counts_to_its_end() -> None:
    period = Period(START.date(), START.date())
    assert (period.since, period.until) == (START, START + timedelta(days=1))

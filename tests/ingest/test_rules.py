"""Review rules: what they match, and that each fires once, in the transaction of what it fires for."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import DataError, IntegrityError, connection

from tags.actions import rules
from tags.actions.expressions import Document, EvaluationFailed, holds
from tags.actions.ingest import record_observations
from tags.actions.matching import Candidate, is_sampled, matches
from tags.actions.observations import ENDED, RUNNING, Claim, FlowExecutionObservation, TaskExecutionObservation
from tags.actions.rules import change_rule, check_rule, create_rule, delete_rule
from tags.db.tenancy import in_organization
from tags.errors import Invalid, NotFound
from tags.ingest import otlp, otlp_wire
from tags.ingest.intake import take
from tags.ingest.otlp_spans import Received
from tags.models import FlowExecution, ReviewRule, TaskExecution
from tagsite.recordings import LINEAGE, TRACES, recorded
from tests.api.test_statements import listened
from tests.cast import Tenant, operation
from tests.ingest.test_replays import lineage_events, replay

SEEDS = 5
LOOK = [{"tag": "look", "tag_type": "rule"}]
Owner = psycopg.Connection[Any]


def rule(tenant: Tenant, **fields: Any) -> ReviewRule:
    return create_rule(tenant.id, {"name": "look at it", "tags": LOOK, **fields})


def active(owner: Owner, tenant: Tenant) -> list[tuple[Any, ...]]:
    """Every active tag, without what differs from one replay to the next."""
    query = "SELECT flow_execution_id::text, task_name, tag, tag_type, tag_metadata FROM task_tag"
    return owner.execute(
        f"{query} WHERE organization_id = %s AND status = 'active' ORDER BY 1, 2, 3, 4, 5::text", [tenant.id]
    ).fetchall()


def tagged(owner: Owner, tenant: Tenant) -> list[str]:
    return [row[1] for row in active(owner, tenant)]


def events_of(owner: Owner, tenant: Tenant, kind: str = "task_tag.%") -> list[tuple[str, str, str]]:
    query = "SELECT type, actor, request_id FROM event WHERE organization_id = %s AND type LIKE %s ORDER BY position"
    return owner.execute(query, [tenant.id, kind]).fetchall()


# What matches


def candidate(**fields: Any) -> Candidate:
    start = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    values: dict[str, Any] = {
        "flow_execution_id": UUID(int=1),
        "flow_name": "nightly",
        "task_name": "extract",
        "idx": 0,
        "status": "completed",
        "started_at": start,
        "completed_at": start + timedelta(seconds=90),
    }
    return Candidate(**{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "seen", "is_match"),
    [
        ({}, {}, True),
        ({}, {"status": "failed"}, True),
        ({}, {"status": "cancelled"}, True),
        ({}, {"status": "running"}, False),
        ({"statuses": ["failed"]}, {}, False),
        ({"statuses": ["failed", "running"]}, {"status": "running"}, True),
        ({"task_pattern": "extract"}, {}, True),
        ({"task_pattern": "Extract"}, {}, False),
        ({"task_pattern": "ext"}, {}, False),
        ({"task_pattern": "ext*"}, {}, True),
        ({"task_pattern": "*tra*"}, {}, True),
        ({"task_pattern": "e?tract"}, {}, True),
        ({"task_pattern": "extract?"}, {}, False),
        ({"task_pattern": "extract[3]"}, {"task_name": "extract[3]"}, True),
        ({"task_pattern": "extract[3]"}, {"task_name": "extract3"}, False),
        ({"task_pattern": "extract[[3]]"}, {"task_name": "extract[3]"}, False),
        ({"task_pattern": "extract[*]"}, {"task_name": "extract[12]"}, True),
        ({"task_pattern": "extract[!3]"}, {"task_name": "extract[4]"}, False),
        ({"task_pattern": "a.c"}, {"task_name": "abc"}, False),
        ({"task_pattern": "a*c"}, {"task_name": "a\nb\nc"}, True),
        ({"task_pattern": "*a" * 90 + "b"}, {"task_name": "a" * 200}, False),
        ({"flow_pattern": "night*"}, {}, True),
        ({"flow_pattern": "day*"}, {}, False),
        ({"sampling_rate": Decimal(0)}, {}, False),
        ({"expression": "flow == 'nightly' && task == 'extract' && idx == `0` && status == 'completed'"}, {}, True),
        ({"expression": "duration > `89.5` && duration < `90.5`"}, {}, True),
        ({"expression": "duration"}, {"completed_at": None}, False),
        ({"expression": "output.amount > `10`"}, {"output": {"amount": Decimal("10.5")}}, True),
        ({"expression": "output.amount > `10`"}, {"output": {"amount": Decimal("9.5")}}, False),
        ({"expression": "output.amount == `0.1`"}, {"output": {"amount": Decimal("0.1")}}, True),
        ({"expression": "sum(output.rows) >= `3`"}, {"output": {"rows": [1, Decimal("2.5")]}}, True),
        ({"expression": "output.amount"}, {"output": {"amount": 0}}, True),  # in JMESPath only null, false, '' and so
        ({"expression": "output.list"}, {"output": {"list": []}}, False),
        ({"expression": "contains(error.message, 'timeout')"}, {"error": {"message": "a timeout"}}, True),
        ({"expression": 'status == "completed"'}, {}, False),  # in double quotes it is a field
        ({"expression": "input == `null`"}, {}, True),
    ],
)
def test_what_a_rule_matches(fields: dict[str, Any], seen: dict[str, Any], is_match: bool) -> None:
    assert matches(ReviewRule(**fields), candidate(**seen)) is is_match


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        ("length(output)", None),
        ("output.a > output.b", {"a": "1", "b": 2}),
        ("sum(output)", [1, "2"]),
        ("sort(output)", [1, "2"]),
        ("sum(output)", [10**400, 0.5]),
        ("output[::0]", [1]),
        ("abs(output)", "x"),
    ],
)
def test_an_expression_that_fails_is_told_apart(expression: str, output: Any) -> None:
    with pytest.raises(EvaluationFailed):
        holds(expression, Document({"output": output}))


def test_what_an_expression_fails_with_tells_nothing_of_the_data() -> None:
    with pytest.raises(EvaluationFailed) as failed:
        holds("abs(output)", Document({"output": "a secret"}))
    assert str(failed.value) == "JMESPathTypeError"


# Each grows by a factor at every step, in lists, in lists that hold one list many times, in texts, over literals.
GROWING = [
    "|".join(["output", *["[@,@][]"] * 25]),
    "|".join(["output", *["[@,@]"] * 28, "to_string(@)"]),
    "|".join(["output", *["{a:@,b:@}"] * 28, "to_string(@)"]),
    "|".join(["output", *["[@,@]"] * 28, "@ == [@,@][0]"]),
    "|".join(["output", *["join('',[to_string(@),to_string(@)])"] * 25]),
    "|".join(["`[1,1,1,1,1,1,1,1]`", *["map(&`[1,1,1,1,1,1,1,1]`,@)[]"] * 12]),
    "|".join(["output", *["map(&[@,@],@)[]"] * 20]),
]


@pytest.mark.parametrize("expression", GROWING, ids=range(len(GROWING)))
def test_an_expression_that_grows_without_bounds_ends(expression: str) -> None:
    check_rule({"expression": expression})  # so that it is the evaluation which ends it
    with pytest.raises(EvaluationFailed, match="OverBudget"):
        holds(expression, Document({"output": ["x"]}))


def test_an_expression_over_large_data_does_not_run_out() -> None:
    rows = [{"text": "x" * 100, "role": "tool" if number % 2 else "user"} for number in range(5000)]
    assert holds("length(output.rows[?role=='tool'].text) == `2500`", Document({"output": {"rows": rows}}))


@pytest.mark.parametrize(
    "expression",
    [
        "output.",
        "output >",
        "output.rows > 5",
        "lenght(output)",
        "length(output, input)",
        "join(',')",
        "not_null()",
        "(" * 1000,
        "(" * 900 + "a" + ")" * 900,
        "!" * 1999 + "a",
        "[" * 50 + "a" + "]" * 50,
        "&".join(["a"] * 3),
        "a" + " || a" * 300,
        "a" + "[0]" * 300,
        "[" + "a," * 400 + "a]",
        " ",
        "a" * 2001,
        "a\x00",
        "`1",
    ],
)
def test_a_bad_expression_is_refused_when_it_is_saved(tenant: Tenant, expression: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule(tenant, expression=expression)
    assert [entry["loc"] for entry in refused.value.details] == [["body", "expression"]]


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"name": ""}, [["name"]]),
        ({"name": "x" * 201}, [["name"]]),
        ({"name": "\x00"}, [["name"]]),
        ({"task_pattern": "x" * 201}, [["task_pattern"]]),
        ({"flow_pattern": 1}, [["flow_pattern"]]),
        ({"statuses": ["done"]}, [["statuses"]]),
        ({"statuses": [[]]}, [["statuses"]]),
        ({"statuses": "failed"}, [["statuses"]]),
        *(({"sampling_rate": Decimal(rate)}, [["sampling_rate"]]) for rate in ("-0.1", "1.1", "NaN", "Inf", "1e-7")),
        ({"tags": []}, [["tags"]]),
        ({"tags": {}}, [["tags"]]),
        ({"tags": LOOK * 11}, [["tags"]]),
        ({"tags": ["look"]}, [["tags", 0]]),
        ({"tags": [{}]}, [["tags", 0, "tag"], ["tags", 0, "tag_type"]]),
        ({"tags": [*LOOK, {"tag": "x" * 201, "tag_type": "x" * 101}]}, [["tags", 1, "tag"], ["tags", 1, "tag_type"]]),
        ({"tags": [{"tag": 1, "tag_type": "x"}]}, [["tags", 0, "tag"]]),
        ({"tags": [{"tag": "x", "tag_type": "x", "metadata": 1}]}, [["tags", 0]]),
        *(
            ({"tags": [{**LOOK[0], "tag_metadata": metadata}]}, [["tags", 0, "tag_metadata"]])
            for metadata in ("\x00", {"\ud800": 1}, ["x" * 70_000], eval("[" * 40 + "]" * 40))  # noqa: S307
        ),
        ({"name": "", "tags": []}, [["name"], ["tags"]]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_rule_is_refused_with_its_places(fields: dict[str, Any], places: list[list[Any]]) -> None:
    with pytest.raises(Invalid) as refused:
        check_rule(fields)
    assert [entry["loc"][1:] for entry in refused.value.details] == places


# The sample


def test_the_sample_is_the_same_each_time_and_about_as_large_as_asked_for() -> None:
    rule_id, other = uuid4(), uuid4()
    keys = [(UUID(int=random.Random(number).getrandbits(128)), "extract", 0) for number in range(10_000)]  # noqa: S311
    chosen = [key for key in keys if is_sampled(rule_id, Decimal("0.05"), key)]
    assert chosen == [key for key in keys if is_sampled(rule_id, Decimal("0.05"), key)]
    assert 400 <= len(chosen) <= 600  # 4.6 standard deviations
    assert set(chosen) != {key for key in keys if is_sampled(other, Decimal("0.05"), key)}
    # A higher rate only adds.
    assert set(chosen) < {key for key in keys if is_sampled(rule_id, Decimal("0.06"), key)}
    assert all(is_sampled(rule_id, Decimal(1), key) for key in keys)
    assert not any(is_sampled(rule_id, Decimal(0), key) for key in keys)


def test_each_part_of_the_key_counts_for_the_sample() -> None:
    """Also where one's end could be taken for the other's beginning."""
    rule_id, half = uuid4(), Decimal("0.5")
    runs = [[is_sampled(rule_id, half, (UUID(int=1), "a" * n, idx)) for n in range(1, 40)] for idx in (0, 1, 11)]
    assert len({tuple(run) for run in runs}) == 3


# Firing


def completed(flow_execution_id: UUID, status: str = "completed", seconds: int = 0, **more: Any) -> list[Any]:
    time = datetime(2026, 11, 23, 21, 0, seconds, tzinfo=UTC)
    rank = ENDED if status in ("completed", "failed", "cancelled") else RUNNING
    fields = {"output": {("note",): Claim(more.pop("note", 1), time)}, **more}
    return [
        FlowExecutionObservation(flow_execution_id, Claim("nightly", time)),
        TaskExecutionObservation(flow_execution_id, "extract", 0, Claim(status, time, rank), **fields),
    ]


def tell(tenant: Tenant, observations: Sequence[Any]) -> None:
    record_observations(tenant.id, tenant.actor, observations)


def test_a_rule_fires_for_what_producers_tell(tenant: Tenant, neighbour: Tenant, owner: Owner) -> None:
    fired = rule(tenant, tags=[*LOOK, {"tag": "why", "tag_type": "rule", "tag_metadata": {"limit": Decimal("0.10")}}])
    tell(tenant, completed(uuid4()))
    tell(neighbour, completed(uuid4()))
    assert [row[2:] for row in active(owner, tenant)] == [("look", "rule", None), ("why", "rule", {"limit": 0.1})]
    assert events_of(owner, tenant) == [("task_tag.added", f"rule:{fired.id}", "test")] * 2
    assert active(owner, neighbour) == []
    assert owner.execute(
        "SELECT DISTINCT modified_by FROM task_tag WHERE organization_id = %s", [tenant.id]
    ).fetchall() == [("rule",)]


def test_a_rule_fires_for_what_workers_report(tenant: Tenant, owner: Owner) -> None:
    rule(tenant, statuses=["failed"], flow_pattern="inv*", expression="error.code == `7`")
    execution = tenant.execution()
    report = {"flow_execution_id": str(execution.id), "task_name": "extract", "task_execution_idx": 0}
    api = tenant.api()
    assert api.post("/api/task-executions", {**report, "processing_status": "running"}).status_code == 201
    assert tagged(owner, tenant) == []
    answer = api.post("/api/task-executions", {**report, "processing_status": "failed", "error": {"code": 7}})
    assert answer.status_code == 201
    assert tagged(owner, tenant) == ["extract"]
    ((_, actor, request_id),) = events_of(owner, tenant)
    assert actor.startswith("rule:")
    assert request_id == answer["X-Request-ID"]
    # What is reported again is what it was: it neither fires again nor takes the tag off.
    api.post("/api/task-executions", {**report, "processing_status": "failed", "error": {"code": 7}})
    api.post("/api/task-executions", {**report, "processing_status": "running", "error": None})
    assert len(events_of(owner, tenant)) == 1


def test_it_fires_once_and_what_a_person_takes_off_stays_off(tenant: Tenant, owner: Owner) -> None:
    rule(tenant)
    id = uuid4()
    tell(tenant, completed(id))
    assert tenant.api("reviewer").tag(operation("remove", id, "extract", "look", tag_type="rule")).status_code == 200
    for note in range(2, 5):
        tell(tenant, completed(id, seconds=note, note=note))
    tell(tenant, completed(id, "failed", seconds=20))
    assert tagged(owner, tenant) == []
    assert [event[0] for event in events_of(owner, tenant)] == ["task_tag.added", "task_tag.removed"]


def test_it_fires_once_for_each_run_of_a_task(tenant: Tenant, owner: Owner) -> None:
    """The second run is another one, though the tag is the task's."""
    rule(tenant)
    execution = tenant.execution("extract")
    tenant.api("reviewer").tag(operation("remove", execution, "extract", "look", tag_type="rule"))
    tenant.task(execution, "extract", idx=1)
    assert tagged(owner, tenant) == ["extract"]


def test_what_does_not_change_does_not_fire(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    tell(tenant, completed(id))
    rule(tenant)
    tell(tenant, completed(id))
    assert tagged(owner, tenant) == []
    tell(tenant, completed(id, seconds=3, note=2))
    assert tagged(owner, tenant) == ["extract"]


def test_a_failing_expression_stops_neither_ingest_nor_other_rules(
    tenant: Tenant, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    failing = rule(tenant, expression="abs(output.note)")
    rule(tenant, tags=[{"tag": "other", "tag_type": "rule"}])
    tell(tenant, completed(uuid4(), note="secret"))
    assert [row[2] for row in active(owner, tenant)] == ["other"]
    (line,) = [line for line in caplog.records if line.name == "tagsite.rules"]
    assert (line.rule, line.error, line.count) == (str(failing.id), "JMESPathTypeError", 1)  # type: ignore[attr-defined]
    assert "secret" not in caplog.text


def test_tags_come_with_the_write_or_not_at_all(tenant: Tenant, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    rule(tenant)
    id = uuid4()
    with pytest.raises(DataError):
        tell(tenant, [*completed(id), *completed(uuid4(), note="\x00")])
    assert (active(owner, tenant), events_of(owner, tenant, "%")) == ([], [])
    # The other way round: a tag that cannot be put on holds up what it is for, or it would be lost.
    monkeypatch.setattr(rules, "apply_batch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tell(tenant, completed(id))
    assert events_of(owner, tenant, "%") == []
    query = "SELECT count(*) FROM rule_firing WHERE organization_id = %s"
    assert owner.execute(query, [tenant.id]).fetchone() == (0,)


def test_inactive_and_deleted_rules_do_not_fire(tenant: Tenant, owner: Owner) -> None:
    idle, gone = rule(tenant, is_active=False), rule(tenant)
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 1
    delete_rule(tenant.id, gone.id)
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 1
    assert owner.execute("SELECT count(*) FROM rule_firing WHERE organization_id = %s", [tenant.id]).fetchone() == (0,)
    change_rule(tenant.id, idle.id, {"is_active": True})
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 2


@pytest.mark.parametrize("lock", ["FOR KEY SHARE", ""])
def test_a_rule_that_is_deleted_meanwhile_holds_up_nothing(
    tenant: Tenant, owner: Owner, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    """Without the lock, the control, a firing would be left without its rule, which the database refuses."""
    monkeypatch.setattr(rules, "_FIRE", rules._FIRE.replace("FOR KEY SHARE", lock))
    gone = rule(tenant)
    failures: list[BaseException] = []

    def ingest() -> None:
        try:
            tell(tenant, completed(uuid4()))
        except IntegrityError as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=ingest)
    with in_organization(tenant.id):
        delete_rule(tenant.id, gone.id)
        thread.start()
        wait_until_one_waits(owner)
    thread.join()
    assert len(failures) == (0 if lock else 1)
    assert tagged(owner, tenant) == []


def wait_until_one_waits(owner: Owner) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(500):
        if owner.execute(query).fetchone() == (1,):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


def test_a_rule_of_another_organization_is_nowhere(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = rule(neighbour)
    for act in (partial(change_rule, fields={"name": "mine"}), delete_rule):
        with pytest.raises(NotFound):
            act(tenant.id, foreign.id)
    with in_organization(neighbour.id):
        assert ReviewRule.objects.get(id=foreign.id).name == "look at it"


def test_without_active_rules_ingest_costs_no_statement_more(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there are any is asked with the reading of the tasks."""

    def about_rules_alone() -> list[str]:
        with listened(monkeypatch) as heard:
            tell(tenant, completed(uuid4()))
        return [one for one in heard if "rule" in one and "FROM task_execution" not in one]

    rule(tenant, is_active=False)
    assert about_rules_alone() == []
    rule(tenant)
    assert about_rules_alone() != []


@pytest.mark.parametrize("many", [2, 200])
def test_statements_do_not_grow_with_the_runs(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    rule(tenant)
    rule(tenant, statuses=["failed"])
    with listened(monkeypatch) as heard:
        tell(tenant, [one for _ in range(many) for one in completed(uuid4())])
    assert len(heard) == 20


# What a rule takes back


def test_a_rule_takes_back_what_turns_out_not_to_match(tenant: Tenant, owner: Owner) -> None:
    """Its own events say so; and if it matches after all, it puts the tag on again."""
    mine = rule(tenant, statuses=["completed"])
    id = uuid4()
    for second, status in enumerate(["completed", "failed", "completed"]):
        tell(tenant, completed(id, status, second))
        assert tagged(owner, tenant) == ([] if status == "failed" else ["extract"])
    kinds = ["task_tag.added", "task_tag.removed", "task_tag.added"]
    assert events_of(owner, tenant) == [(kind, f"rule:{mine.id}", "test") for kind in kinds]


@pytest.mark.parametrize("kind", ["remove", "add again"])
def test_it_leaves_alone_what_a_person_has_dealt_with(tenant: Tenant, owner: Owner, kind: str) -> None:
    rule(tenant, statuses=["completed"])
    id = uuid4()
    tell(tenant, completed(id))
    api = tenant.api("reviewer")
    api.tag(operation("remove", id, "extract", "look", tag_type="rule"))
    if kind == "add again":
        api.tag(operation("add", id, "extract", "look", tag_type="rule"))
    before = active(owner, tenant)
    for second, status in enumerate(["failed", "completed"], start=1):
        tell(tenant, completed(id, status, second))
        assert active(owner, tenant) == before


def test_it_leaves_what_a_person_had_put_on_first(tenant: Tenant, owner: Owner) -> None:
    execution = tenant.execution("extract")
    tenant.api("reviewer").tag(operation("add", execution, "extract", "look", tag_type="rule"))
    rule(tenant, statuses=["completed"])
    for second, status in enumerate(["completed", "failed"], start=1):
        tell(tenant, completed(execution.id, status, second))
        assert tagged(owner, tenant) == ["extract"]


def test_it_leaves_what_another_rule_holds(tenant: Tenant, owner: Owner) -> None:
    rule(tenant, statuses=["completed"])
    rule(tenant, statuses=["completed", "failed"])
    id = uuid4()
    tell(tenant, completed(id))
    tell(tenant, completed(id, "failed", 1))
    assert tagged(owner, tenant) == ["extract"]
    tell(tenant, completed(id, "cancelled", 2))
    assert tagged(owner, tenant) == []


def test_a_flow_that_gets_its_name_late_is_looked_at_again(tenant: Tenant, owner: Owner) -> None:
    """As a trace does, whose root comes last."""
    rule(tenant, flow_pattern="root*")
    id = uuid4()
    tell(tenant, completed(id))
    assert tagged(owner, tenant) == []
    tell(tenant, [FlowExecutionObservation(id, Claim("root of all", datetime(2026, 1, 1, tzinfo=UTC), 5))])
    assert tagged(owner, tenant) == ["extract"]


# In any order

ORDERED = [
    {"statuses": ["completed"]},
    {"statuses": ["failed"]},
    {"statuses": ["cancelled"]},
    {},
    {"sampling_rate": Decimal("0.3")},
    {"flow_pattern": "*e*", "task_pattern": "*a*"},
    {"expression": "duration > `0.5`"},
    {"expression": "duration == `null` || duration < `0.5`"},
    {"expression": "!output"},
    {"expression": "input.queries && length(values(input.queries)) < `5`"},
    {"expression": "input.run.processing_engine.name == 'Airflow' && idx > `0`"},
    {"statuses": ["failed"], "expression": "contains(error.message, 'result')"},
    {"expression": "contains(keys(not_null(output, input, `{}`)), 'gen_ai')"},
]


def rules_for_any_order(tenant: Tenant) -> None:
    """With the same ids in each organization, which the samples depend on, and a tag each."""
    for number, fields in enumerate(ORDERED):
        tags = [{"tag": f"rule {number}", "tag_type": "rule"}, *LOOK]
        create_rule(tenant.id, {"name": f"rule {number}", "tags": tags, **fields}, UUID(int=number + 1))


@cache
def lineage_as_sent(name: str) -> Tenant:
    """Who got the recorded events once and in order."""
    tenant = Tenant.create()
    rules_for_any_order(tenant)
    replay(tenant, lineage_events(name))
    return tenant


@pytest.mark.parametrize("name", LINEAGE)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_tags_are_the_same_whatever_the_order_of_lineage_events(
    tenant: Tenant, owner: Owner, name: str, seed: int
) -> None:
    events = lineage_events(name)
    rules_for_any_order(tenant)
    chance = random.Random(seed)  # noqa: S311  # repeatable
    twice = chance.sample([*events, *events], len(events) * 2)
    replay(tenant, twice, size=chance.choice([1, 3, 50, 500]))
    assert active(owner, tenant) == active(owner, lineage_as_sent(name))
    assert matching_now(tenant) == {(row[0], row[1], row[2]) for row in active(owner, tenant) if row[2] != "look"}


def spans_of(name: str) -> list[Received]:
    return [
        span
        for request in recorded(name)
        for span in otlp_wire.decode(request.unpacked, request.headers["content-type"])
    ]


def take_spans(tenant: Tenant, spans: Sequence[Received], size: int) -> None:
    for start in range(0, len(spans), size):
        take(tenant.id, tenant.actor, "otlp", spans[start : start + size], otlp.observations)


@cache
def spans_as_sent(name: str) -> Tenant:
    tenant = Tenant.create()
    rules_for_any_order(tenant)
    take_spans(tenant, spans_of(name), 500)
    return tenant


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_tags_are_the_same_whatever_the_order_of_spans(tenant: Tenant, owner: Owner, name: str, seed: int) -> None:
    spans = spans_of(name)
    rules_for_any_order(tenant)
    chance = random.Random(seed)  # noqa: S311
    shuffled = chance.sample([*spans, *spans], len(spans) * 2)
    take_spans(tenant, shuffled, size=chance.choice([1, 7, 100]))
    assert active(owner, tenant) == active(owner, spans_as_sent(name))
    assert matching_now(tenant) == {(row[0], row[1], row[2]) for row in active(owner, tenant) if row[2] != "look"}


def matching_now(tenant: Tenant) -> set[tuple[str, str, str]]:
    """The oracle: the rules over what is stored in the end."""
    found = set()
    with in_organization(tenant.id):
        names = {one.id: one.flow.name for one in FlowExecution.objects.select_related("flow")}
        for record in TaskExecution.objects.all():
            seen = rules.candidate_of(record)
            seen.flow_name = names[record.flow_execution_id]
            for one in ReviewRule.objects.all():
                try:
                    if matches(one, seen):
                        found.add((str(record.flow_execution_id), record.task_name, one.name))
                except EvaluationFailed:
                    pass
    return found

"""What a review rule matches, what it is refused for, and its sample."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tags.actions.expressions import Document, EvaluationFailed, holds
from tags.actions.matching import Candidate, is_sampled, matches
from tags.actions.rules import check_rule
from tags.errors import Invalid
from tags.models import ReviewRule
from tests.cast import Tenant
from tests.ingest.rules import LOOK, rule

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

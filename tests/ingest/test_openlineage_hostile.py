"""Whatever is sent as an event: it is accepted or Rejected, and what is accepted can be stored."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tags.actions.observations import Claim, DetailObservation, FlowExecutionObservation, Observation
from tags.db import exact_json
from tags.ingest.errors import Rejected
from tags.ingest.openlineage import observations
from tests.ingest.openlineage_fold import recorded
from tests.ingest.test_openlineage_rules import PARENT, ROOT, named, spark

RECORDED = recorded("airflow") + recorded("dbt")

JSONPath = tuple[str | int, ...]


def _richest() -> dict[str, Any]:
    """Of each kind of event of each producer the largest, and one of a producer that is not recorded."""
    events: dict[str, Any] = {}
    for event in RECORDED:
        job_type = event["job"]["facets"]["jobType"]
        name = f"{job_type['integration']} {job_type['jobType']} {event['eventType']}"
        events[name] = max(event, events.get(name, event), key=lambda each: len(str(each)))
    parent = {**named(PARENT, "step"), "root": named(ROOT, "nightly")}
    return {**events, "SPARK": spark("FAIL", parent=parent, errorMessage={"message": "no space"})}


RICHEST = _richest()

MISSING = object()
WRONG: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "fraction": Decimal("1.5"),
    "endless": Decimal("1e999999"),
    "huge number": 10**400,
    "number of 5000 digits": 10**5000,
    "empty text": "",
    "text": "x",
    "huge text": "x" * 200_000,
    "NUL": "a\0b",
    "lone surrogate": "a\ud800",
    "list": [],
    "list of lists": [[[]]],
    "list of objects": [{}],
    "object": {},
    "object with any key": {"\0": 1, "": None},
    "id": PARENT,
}


def paths(value: Any, path: JSONPath = ()) -> Iterator[JSONPath]:
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from paths(member, (*path, name))


def changed(event: Any, path: JSONPath, value: Any) -> Any:
    """The event with that value there; all that is not on the path is shared with the original."""
    if not path:
        return value
    copy = event.copy()
    if len(path) == 1 and value is MISSING:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(event[path[0]], path[1:], value)
    return copy


def check(event: Any) -> bool:
    """Whether it was accepted."""
    told = _told(event)
    if isinstance(told, Rejected):
        assert told.code.isidentifier()
        assert 0 < len(told.message) < 200
        return False
    for observation in told:
        _check_storable(observation)
    return True


def _told(event: Any) -> list[Observation] | Rejected:
    try:
        return observations(event)
    except Rejected as rejected:
        return rejected


def _check_storable(observation: Any) -> None:
    for field in fields(observation):
        value = getattr(observation, field.name)
        claims = [value] if isinstance(value, Claim) else value.values() if isinstance(value, dict) else []
        for claim in claims:
            assert claim.time.tzinfo is UTC
            assert 0 <= claim.rank < 2**31
            exact_json.dumps(claim.value).encode()
        if isinstance(value, dict):
            assert all(0 < len(name) <= 200 and "\0" not in name for path in value for name in path)
            assert all(1 <= len(path) <= 2 for path in value)
    if isinstance(observation, FlowExecutionObservation):
        assert 0 < len(observation.flow_name.value) <= 200
    elif not isinstance(observation, DetailObservation):
        assert 0 < len(observation.task_name) <= 200
        assert 0 <= observation.idx < 2**31


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("name", RICHEST)
def test_every_field_may_be_anything(name: str, wrong: Any) -> None:
    event = RICHEST[name]
    accepted = [check(changed(event, path, wrong)) for path in paths(event)]
    assert len(accepted) > 20


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_the_event_itself_may_be_anything(wrong: Any) -> None:
    assert not check(wrong)


@pytest.mark.parametrize("name", RICHEST)
def test_the_check_accepts_what_was_not_changed(name: str) -> None:
    before = deepcopy(RICHEST[name])
    assert check(RICHEST[name])
    assert RICHEST[name] == before, "the event was changed"


TEXTS = st.text(max_size=20) | st.sampled_from(["\0", "\ud800", PARENT, "START", "2026-11-23T21:26:44Z"])
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
VALUES = st.recursive(
    TEXTS | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_recorded_event_changed_anywhere_is_accepted_or_rejected(data: st.DataObject) -> None:
    event = data.draw(st.sampled_from(list(RICHEST.values())))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(event))))
        event = changed(event, path, data.draw(VALUES | st.just(MISSING)))
    check(event)


@settings(max_examples=300, deadline=None, database=None)
@given(VALUES)
def test_any_json_is_accepted_or_rejected(value: Any) -> None:
    check(value)

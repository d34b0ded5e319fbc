"""The rules for one event at a time: producers that are not recorded, and what a usable event is."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tags.actions.observations import (
    ENDED,
    RUNNING,
    DetailObservation,
    FlowExecutionObservation,
    TaskExecutionObservation,
)
from tags.ingest.errors import Rejected
from tags.ingest.openlineage import observations
from tags.ingest.openlineage_claims import MAX_DATASETS
from tests.ingest.openlineage_fold import recorded

OWN, PARENT, ROOT = (f"01a205b3-d000-7e6a-b646-{n:012d}" for n in range(3))

AIRFLOW_TASK = next(event for event in recorded("airflow") if "airflow" in event["run"]["facets"])
DBT_QUERY = next(event for event in recorded("dbt") if event["job"]["facets"]["jobType"]["jobType"] == "SQL")


def spark(kind: str | None = "COMPLETE", **facets: Any) -> dict[str, Any]:
    event = {
        "eventType": kind,
        "eventTime": "2026-11-23T21:26:44.496566Z",
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": OWN, "facets": facets},
        "job": {"namespace": "lake", "name": "load.orders", "facets": {"jobType": {"integration": "SPARK"}}},
        "inputs": [{"namespace": "s3://lake", "name": "orders"}],
        "outputs": [],
    }
    return {name: value for name, value in event.items() if value is not None}


def named(run_id: str, name: str) -> dict[str, Any]:
    return {"run": {"runId": run_id}, "job": {"namespace": "lake", "name": name}}


def both(event: Any) -> tuple[FlowExecutionObservation, TaskExecutionObservation]:
    flow, task = observations(event)
    assert isinstance(flow, FlowExecutionObservation)
    assert isinstance(task, TaskExecutionObservation)
    return flow, task


def rejection(event: Any) -> str:
    with pytest.raises(Rejected) as caught:
        observations(event)
    return caught.value.code


def with_try(value: Any, name: str = "try_number") -> dict[str, Any]:
    event = deepcopy(AIRFLOW_TASK)
    event["run"]["facets"]["airflow"]["taskInstance"][name] = value
    return event


# Levels


def test_a_run_without_a_parent_is_a_flow_and_a_task_of_its_own() -> None:
    flow, task = both(spark())
    assert flow.id == task.flow_execution_id == task.run_id == UUID(OWN)
    assert (flow.flow_name.value, flow.flow_name.rank) == ("load.orders", 1)
    assert (task.task_name, task.idx) == ("load.orders", 0)
    assert (flow.status.value, flow.status.rank) == (task.status.value, task.status.rank) == ("completed", ENDED)
    assert flow.input["runs", OWN].value == {"producer": spark()["producer"]}


def test_a_run_with_a_parent_is_a_task_of_it() -> None:
    flow, task = both(spark(parent=named(PARENT, "nightly")))
    assert (flow.id, flow.flow_name.value, flow.flow_name.rank) == (UUID(PARENT), "nightly", 0)
    assert (flow.status.value, flow.status.rank, dict(flow.input)) == ("running", 0, {})
    assert (task.task_name, task.status.value) == ("load.orders", "completed")


def test_a_run_with_a_root_is_a_task_of_the_root() -> None:
    flow, task = both(spark(parent={**named(PARENT, "step"), "root": named(ROOT, "nightly")}))
    assert flow.id == task.flow_execution_id == UUID(ROOT)
    assert flow.flow_name.value == "nightly"


@pytest.mark.parametrize(
    ("kind", "status", "rank"),
    [
        ("START", "running", RUNNING),
        ("RUNNING", "running", RUNNING),
        ("COMPLETE", "completed", ENDED),
        ("FAIL", "failed", ENDED),
        ("ABORT", "cancelled", ENDED),
    ],
)
def test_the_type_of_an_event_is_a_status(kind: str, status: str, rank: int) -> None:
    for observation in both(spark(kind)):
        assert (observation.status.value, observation.status.rank) == (status, rank)
    assert (both(spark(kind))[1].started_at is not None) == (kind == "START")


@pytest.mark.parametrize("kind", ["OTHER", None])
def test_an_event_of_no_type_says_nothing_of_status_but_its_facets_count(kind: str | None) -> None:
    event = spark(kind, spark_version={"version": "3.5"})
    for observation in both(event):
        assert observation.status is None
        assert observation.input["run", "spark_version"].rank == 0


def test_the_design_time_events_are_accepted_and_say_nothing() -> None:
    common = {"eventTime": "2026-11-23T21:26:44Z", "producer": "https://x", "schemaURL": "https://y"}
    assert observations({**common, "dataset": {"namespace": "s3://lake", "name": "orders"}}) == []
    assert observations({**common, "job": {"namespace": "lake", "name": "load"}, "inputs": []}) == []


def test_a_run_event_that_lost_its_run_is_no_design_time_event() -> None:
    event = spark()
    del event["run"]
    assert rejection(event) == rejection({}) == "missing"


# What is claimed


def test_unknown_facets_are_kept_without_the_addresses_that_all_have() -> None:
    own = {"_producer": "https://x", "_schemaURL": "https://y", "plan": {"_producer": "kept below"}, "_deleted": False}
    _, task = both(spark(acme_cost=own, odd="text", nothing=None))
    assert task.input["run", "acme_cost"].value == {"plan": {"_producer": "kept below"}, "_deleted": False}
    assert (task.input["run", "odd"].value, task.input["run", "nothing"].value) == ("text", None)
    assert own.keys() == {"_producer", "_schemaURL", "plan", "_deleted"}, "the event was changed"


def test_the_end_of_a_run_outranks_its_start_whatever_the_clock() -> None:
    assert both(spark("START"))[1].input["inputs",].rank == 0
    assert both(spark("FAIL"))[1].input["inputs",].rank == 1


def test_an_error_is_the_tasks_and_not_among_its_facets() -> None:
    flow, task = both(spark("FAIL", errorMessage={"_producer": "https://x", "message": "no space", "stackTrace": "…"}))
    assert task.error is not None
    assert (task.error.value, task.error.rank) == ({"message": "no space", "stackTrace": "…"}, ENDED)
    assert ("run", "errorMessage") not in task.input
    assert flow.input["run", "errorMessage"].value["message"] == "no space"


def test_datasets_beyond_the_bound_are_counted() -> None:
    datasets = [{"namespace": "s3://lake", "name": f"part-{n}"} for n in range(10_000)]
    _, task = both({**spark(), "inputs": datasets, "outputs": datasets[: MAX_DATASETS + 1]})
    assert len(task.input["inputs",].value) == len(task.output["outputs",].value) == MAX_DATASETS
    assert (task.input["inputs_left_out",].value, task.output["outputs_left_out",].value) == (9_000, 1)
    assert ("inputs_left_out",) not in both(spark())[1].input


def test_assertions_are_found_where_the_spec_has_them_too() -> None:
    facets = {"dataQualityAssertions": {"assertions": [{"assertion": "not_null", "success": True}]}}
    _, task = both({**spark(), "inputs": [{"namespace": "n", "name": "orders", "inputFacets": facets}]})
    assert task.output["assertions",].value == [{"dataset": "orders", **facets["dataQualityAssertions"]}]


def test_a_query_waits_for_its_task() -> None:
    (detail,) = observations(DBT_QUERY)
    assert isinstance(detail, DetailObservation)
    assert detail.parent_run_id == UUID(DBT_QUERY["run"]["facets"]["parent"]["run"]["runId"])
    event = deepcopy(DBT_QUERY)
    del event["run"]["facets"]["parent"]
    assert rejection(event) == "missing"


def test_names_that_are_too_long_stay_apart() -> None:
    events = [spark() for _ in range(2)]
    for event, end in zip(events, "ab", strict=True):
        event["job"]["name"] = "x" * 500 + end
    first, second = (both(event)[1].task_name for event in events)
    assert (len(first), len(second)) == (200, 200)
    assert first != second


def test_names_of_facets_that_are_too_long_stay_apart() -> None:
    facets: dict[str, Any] = {"x" * 100_000: {}, "x" * 100_001: {}}
    event = spark(**facets)
    event["job"]["facets"] = facets
    _, task = both(event)
    assert sorted((path[0], len(path[1])) for path in task.input if len(path) == 2) == [
        *[("job", 200)] * 2,
        *[("run", 200)] * 2,
    ]


def test_only_the_end_of_a_dag_run_says_what_was_skipped() -> None:
    end = next(event for event in recorded("airflow") if "airflowState" in event["run"]["facets"])
    (at_end,) = observations(end)
    (before,) = observations({**end, "eventType": "RUNNING"})
    assert isinstance(at_end, FlowExecutionObservation)
    assert isinstance(before, FlowExecutionObservation)
    assert at_end.skipped is not None
    assert before.skipped is None


# Times, tries and parents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T21:26:44Z", datetime(2026, 11, 23, 21, 26, 44, 0, UTC)),
        ("2026-11-23t21:26:44.5z", datetime(2026, 11, 23, 21, 26, 44, 500_000, UTC)),
        ("2026-11-23 23:26:44.123456789+02:00", datetime(2026, 11, 23, 21, 26, 44, 123_456, UTC)),
        ("2026-11-23T21:26:44.496", datetime(2026, 11, 23, 21, 26, 44, 496_000, UTC)),
        ("0002-01-01T00:00:00Z", datetime(2, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_of_rfc_3339_and_without_an_offset_utc(text: str, expected: datetime) -> None:
    _, task = both({**spark("START"), "eventTime": text})
    assert task.started_at == expected
    assert task.started_at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "20261123T212644Z",
        "2026-W48-1T21:26:44Z",
        "2026-11-23T21:26Z",
        "2026-11-23T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T21:26:44+24:00",
        "2026-11-23T21:26:44+00:00:30",
        "2026-11-23T21:26:44Z ",
        "2026-11-23T21:26:44Z\n",
        "٢٠٢٦-11-23T21:26:44Z",
        "0001-01-01T00:00:00+12:00",
        "9999-12-31T23:59:59-12:00",
        "0001-12-31T23:59:59Z",
        "9998-12-31T23:59:59-01:00",
        "1795469862",
        "x" * 1_000_000,
    ],
)
def test_what_is_no_such_time_is_rejected(text: str) -> None:
    assert rejection({**spark(), "eventTime": text}) == "not_a_time"


@pytest.mark.parametrize(
    "text", ["", "x", OWN[:-1], OWN.replace("-", ""), f"{{{OWN}}}", "urn:" + OWN.replace("-", ""), OWN + "\n"]
)
def test_what_is_no_uuid_is_rejected(text: str) -> None:
    assert rejection({**spark(), "run": {"runId": text}}) == "not_a_uuid"


@pytest.mark.parametrize("kind", ["start", "", "DONE", "x" * 100_000])
def test_an_unknown_type_is_rejected(kind: str) -> None:
    assert rejection(spark(kind)) == "unknown_event_type"


@pytest.mark.parametrize(
    "value", [None, 0, -1, True, "1", 1.5, 10**12, 10**400, Decimal("1.5"), Decimal("NaN"), Decimal("1e999999"), [1]]
)
def test_a_silly_try_is_rejected(value: Any) -> None:
    assert rejection(with_try(value)) in {"missing", "wrong_type", "out_of_range"}


def test_a_try_counts_from_one_and_a_task_that_is_not_mapped_has_no_index() -> None:
    assert both(with_try(3))[1].idx == both(with_try(Decimal("3.0")))[1].idx == 2
    plain = both(AIRFLOW_TASK)[1].task_name
    assert [both(with_try(index, "map_index"))[1].task_name for index in (None, -1, 0, 12)] == [
        plain,
        plain,
        f"{plain}[0]",
        f"{plain}[12]",
    ]


def test_airflows_facets_are_enough_to_know_it() -> None:
    event = deepcopy(AIRFLOW_TASK)
    del event["job"]["facets"]
    assert both(event)[1].task_name == both(AIRFLOW_TASK)[1].task_name


@pytest.mark.parametrize("parent", [named(OWN, "load"), {**named(PARENT, "load"), "root": named(OWN.upper(), "load")}])
def test_a_run_is_no_parent_of_itself(parent: Any) -> None:
    assert rejection(spark(parent=parent)) == "cyclic_parent"


# What PostgreSQL cannot store


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_texts_that_cannot_be_stored_are_rejected_wherever_they_are(text: str) -> None:
    event = spark()
    event["job"]["name"] = text
    assert rejection(event) == "unstorable_text"
    assert rejection(spark(**{text: {}})) == "unstorable_text"
    assert rejection(spark(errorMessage={"message": [text]})) == "unstorable_text"


def test_a_backslash_and_u0000_are_a_text_like_any() -> None:
    _, task = both(spark(note={"text": "\\u0000"}))
    assert task.input["run", "note"].value == {"text": "\\u0000"}


def test_absurd_depth_is_rejected() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert rejection(spark(plan=deep)) == "too_deep"

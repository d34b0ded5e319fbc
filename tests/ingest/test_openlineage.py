"""What real producers sent, folded: exact counts, and each trap of the recordings by its name."""

import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tags.ingest.openlineage import observations
from tests.ingest.openlineage_fold import Fold, TaskKey, recorded

AIRFLOW, DBT = recorded("airflow"), recorded("dbt")


@pytest.fixture(scope="module")
def airflow() -> Fold:
    return Fold(AIRFLOW)


@pytest.fixture(scope="module")
def dbt() -> Fold:
    return Fold(DBT)


def only_flow(fold: Fold, name: str) -> UUID:
    (flow,) = fold.flows(name)
    return flow


def scheduled(fold: Fold) -> UUID:
    """The run of invoice_intake that was cleared; the other one is manual."""
    runs = {fold.flow(flow, "input", "run", "airflowDagRun")["dagRun"]["run_type"]: flow for flow in _intakes(fold)}
    return runs["scheduled"]


def _intakes(fold: Fold) -> list[UUID]:
    return fold.flows("invoice_intake")


def key_of(fold: Fold, flow: str, task: str, idx: int = 0) -> TaskKey:
    return only_flow(fold, flow), task, idx


def airflow_facet(event: Any) -> Any:
    return event["run"]["facets"].get("airflow", {})


# Counts


def test_every_recorded_event_is_accepted() -> None:
    assert (len(AIRFLOW), len(DBT)) == (259, 158)
    assert all(observations(event) for event in AIRFLOW + DBT)


def test_airflow_comes_to_17_flow_executions_and_106_tries(airflow: Fold) -> None:
    # 18 DAG runs were reported; one of them is the clearing of another.
    assert len({event["run"]["runId"] for event in AIRFLOW if "airflowDagRun" in event["run"]["facets"]}) == 18
    assert len(airflow.flows()) == 17
    assert airflow.statuses("flow") == {"completed": 14, "failed": 3}
    assert len(airflow.tasks()) == len(airflow.runs) == 106
    assert airflow.statuses("task") == {"completed": 90, "failed": 16}
    assert len(airflow.queries()) == 4


def test_dbt_comes_to_4_invocations_and_27_nodes(dbt: Fold) -> None:
    assert len(dbt.flows()) == 4
    assert dbt.statuses("flow") == {"completed": 3, "failed": 1}
    types = [dbt.task(key, "input", "job", "jobType")["jobType"] for key in dbt.tasks()]
    assert {name: types.count(name) for name in types} == {"MODEL": 18, "SEED": 3, "TEST": 6}
    # Two tests failed; two models and two tests were skipped for it.
    assert dbt.statuses("task") == {"completed": 21, "failed": 2, "cancelled": 4}
    assert len(dbt.queries()) == 48


def test_every_task_has_its_start_and_every_query_its_task(airflow: Fold, dbt: Fold) -> None:
    for fold in (airflow, dbt):
        assert fold.started.keys() == fold.tasks()
        assert {parent for parent, _ in fold.queries()} <= fold.runs.keys()


@pytest.mark.parametrize("seed", range(20))
def test_neither_order_nor_repetition_changes_what_is_told(seed: int, airflow: Fold, dbt: Fold) -> None:
    shuffler = random.Random(seed)  # noqa: S311
    for events, fold in ((AIRFLOW, airflow), (DBT, dbt)):
        again = events + shuffler.choices(events, k=len(events) // 2)
        shuffler.shuffle(again)
        assert Fold(again).state() == fold.state()


# The traps, in the order of the recordings' README


def test_a_cleared_dag_run_stays_the_same_flow_execution_and_its_tries_count_on(airflow: Fold) -> None:
    flow = scheduled(airflow)
    runs = {place[4] for place in airflow.claims if place[:4] == ("flow", flow, "input", "runs")}
    assert runs == {"01a205b3-d000-707e-a2c1-0f5851f666d6", "01a205b3-d000-71ab-984e-7f0536e2c832"}
    assert {key[2] for key in airflow.tasks(flow) if key[1] == "extract_fields[3]"} == {0, 1, 2, 3, 4, 5}


def test_a_cleared_dag_run_is_running_again_until_its_new_end() -> None:
    flow = scheduled(Fold(AIRFLOW))
    cleared = [index for index, event in enumerate(AIRFLOW) if _clear_number(event) == 1]
    first, start, end = cleared[0], cleared[0] + 1, cleared[-1] + 1
    assert Fold(AIRFLOW[:first]).flow(flow, "status") == "completed"
    assert Fold(AIRFLOW[:start]).flow(flow, "status") == "running"
    assert Fold(AIRFLOW[: end - 1]).flow(flow, "status") == "running"
    assert Fold(AIRFLOW[:end]).flow(flow, "status") == "completed"


def test_a_cleared_dag_run_is_running_again_by_its_tasks_alone() -> None:
    flow = scheduled(Fold(AIRFLOW))
    tasks = [event for event in AIRFLOW if _clear_number(event) == 1 and airflow_facet(event)]
    first = next(index for index, event in enumerate(AIRFLOW) if _clear_number(event) == 1)
    assert Fold(AIRFLOW[:first] + tasks).flow(flow, "status") == "running"


def _clear_number(event: Any) -> int | None:
    facets = event["run"]["facets"]
    facet = facets.get("airflowDagRun") or facets.get("airflow") or {}
    return facet.get("dagRun", {}).get("clear_number")


def test_a_flow_execution_keeps_its_id_for_good(airflow: Fold) -> None:
    # It is stored: a change of how it is made would split every run that is going on.
    assert only_flow(airflow, "example_xcom") == UUID("2a59a437-4cd7-5c48-9ec1-abefe1bb5872")


def test_times_come_from_the_events_and_not_from_the_run_ids(airflow: Fold) -> None:
    key = key_of(airflow, "example_xcom", "push")
    assert airflow.started[key].year == 2026
    assert {str(run)[:8] for run, task in airflow.runs.items() if task == key} == {"0176bb3e"}  # of 2021


def test_a_try_that_failed_stays_failed_beside_the_one_that_did_it(airflow: Fold) -> None:
    flow = scheduled(airflow)
    assert airflow.task((flow, "check_mailbox", 0), "status") == "failed"
    assert airflow.task((flow, "check_mailbox", 1), "status") == "completed"
    assert [airflow.task((flow, "extract_fields[3]", idx), "status") for idx in range(6)] == ["failed"] * 6


def test_a_task_that_skips_itself_sends_complete_and_the_dags_end_corrects_it(airflow: Fold) -> None:
    key = key_of(airflow, "example_bash_operator", "this_will_skip")
    assert airflow.task(key, "status") == "completed"
    assert "this_will_skip" in airflow.flow(key[0], "skipped")


def test_tasks_skipped_by_a_branch_are_known_from_the_dags_end_only(airflow: Fold) -> None:
    flow = only_flow(airflow, "example_nested_branch_dag")
    skipped = airflow.flow(flow, "skipped")
    assert skipped == ["branch_2", "false_1", "false_2", "false_3", "join_2", "true_2"]
    assert not {name for _, name, _ in airflow.tasks(flow)} & set(skipped)


def test_the_state_of_a_mapped_task_touches_none_of_its_runs() -> None:
    end = next(event for event in AIRFLOW if "airflowState" in event["run"]["facets"] and _is_intake(event))
    facets = end["run"]["facets"]
    state = {**facets["airflowState"], "tasksState": {"extract_fields": "skipped", "report": "success"}}
    fold = Fold([*AIRFLOW, {**end, "run": {**end["run"], "facets": {**facets, "airflowState": state}}}])
    assert fold.flow(scheduled(fold), "skipped") == []  # of the clearing
    assert "extract_fields" not in {name for _, name, _ in fold.tasks()}
    assert {name for _, name, _ in fold.tasks() if "[" in name} == {
        *(f"extract_fields[{index}]" for index in range(4)),
        *(f"add_one[{index}]" for index in range(3)),
    }


def _is_intake(event: Any) -> bool:
    return bool(event["job"]["name"] == "invoice_intake")


def test_a_second_start_with_an_earlier_time_moves_the_start_and_nothing_else(airflow: Fold) -> None:
    key = key_of(airflow, "example_hitl_operator", "wait_for_input")
    assert airflow.started[key] == datetime(2026, 11, 23, 21, 32, 42, 750132, UTC)
    assert airflow.task(key, "status") == "completed"
    events = [event for event in AIRFLOW if event["job"]["name"] == "example_hitl_operator.wait_for_input"]
    late = Fold([events[2], events[1], events[0]])
    assert (late.started[key], late.task(key, "status")) == (airflow.started[key], "completed")


def test_ends_that_come_before_their_starts_stay_ends(airflow: Fold, dbt: Fold) -> None:
    assert Fold(AIRFLOW[::-1]).state() == airflow.state()
    assert Fold(DBT[::-1]).state() == dbt.state()


def test_a_dbt_seed_without_structured_logs_is_a_flow_without_tasks(dbt: Fold) -> None:
    tasks = sorted(len(dbt.tasks(flow)) for flow in dbt.flows("dbt-run-corner_shop"))
    assert tasks == [0, 6, 6, 15]


# Where things are


def test_a_task_id_with_dots_is_whole(airflow: Fold) -> None:
    names = {name for flow in airflow.flows("example_task_group") for _, name, _ in airflow.tasks(flow)}
    assert "section_2.inner_section_2.task_2" in names


def test_a_triggered_dag_run_is_a_flow_execution_of_its_own_and_keeps_its_parent(airflow: Fold) -> None:
    flow = only_flow(airflow, "example_trigger_target_dag")
    assert airflow.flow(flow, "input", "run", "parent")["job"]["name"].startswith("example_trigger_controller_dag.")
    assert airflow.flow(flow, "input", "conf")["message"] == "Hello World"
    assert airflow.flow(only_flow(airflow, "example_xcom"), "input", "conf") is None


def test_what_only_the_start_says_is_kept_with_what_only_the_end_says(airflow: Fold) -> None:
    key = (scheduled(airflow), "extract_fields[1]", 0)
    assert airflow.task(key, "input", "run", "airflow_mappedTask")["mapIndex"] == 1
    assert airflow.task(key, "input", "run", "airflow")["taskInstance"]["rendered_map_index"] == "INV-1002"
    assert "_producer" not in airflow.task(key, "input", "run", "airflow")


def test_an_error_goes_whole(airflow: Fold, dbt: Fold) -> None:
    error = airflow.task((scheduled(airflow), "extract_fields[1]", 0), "error")
    assert error.keys() == {"message", "programmingLanguage", "stackTrace"}
    assert error["message"] == "extraction service did not answer within 30 s"
    by_scheduler = airflow.task(key_of(airflow, "example_hitl_operator", "wait_for_default_option"), "error")
    assert by_scheduler["message"].startswith("Executor LocalExecutor")
    errors = [dbt.task(key, "error") for key in dbt.tasks() if dbt.task(key, "error")]
    assert [error["message"] for error in errors] == ["Got 1 result, configured to fail if != 0"] * 2


def test_what_a_dbt_test_found_is_its_output(dbt: Fold) -> None:
    (key,) = (key for key in dbt.tasks() if key[1] == "test.corner_shop.not_null_orders_amount.106140f9fd")
    (found,) = dbt.task(key, "output", "assertions")
    assert found["dataset"] == "corner_shop.main.orders"
    assert found["assertions"][0]["success"] is False
    assert dbt.task(key, "input", "inputs")[0]["facets"]["schema"].keys() == {"fields"}
    assert dbt.task(key, "output", "outputs")[0]["name"].endswith("not_null_orders_amount")


def test_a_query_keeps_its_text_its_start_and_its_end(dbt: Fold) -> None:
    name = "seed.corner_shop.raw_customers.sql.1"
    ((parent, query),) = ((key[0], query) for key, query in dbt.queries().items() if key[1] == name)
    assert dbt.runs[parent][1] == "seed.corner_shop.raw_customers"
    assert query["query"].endswith("select database_name, type from duckdb_databases()")
    assert (query["status"], query["completed_at"]) == ("completed", "2026-11-23T21:30:07.305902+00:00")
    assert (query["job"]["sql"], query["run"]["dbt_version"]) == ({"dialect": "duckdb"}, {"version": "1.11.16"})
    started = dbt.claims["detail", parent, "input", "queries_started", name]
    assert started.value == "2026-11-23T21:30:07.298476+00:00"


@pytest.mark.parametrize("events", [AIRFLOW, DBT], ids=["airflow", "dbt"])
def test_a_flow_is_known_and_running_from_its_tasks_alone(events: list[Any]) -> None:
    whole = Fold(events)
    flow_kinds = ("DAG", "JOB")
    fold = Fold(event for event in events if event["job"]["facets"]["jobType"]["jobType"] not in flow_kinds)
    assert fold.flows()
    for flow in fold.flows():
        assert fold.flow(flow, "name") == whole.flow(flow, "name")
        assert fold.flow(flow, "status") == "running"

"""How observations become records: which claim counts, what is left to people and programs, what races for a record."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from tags.actions.ingest import record_observations
from tags.actions.observations import (
    ENDED,
    RUNNING,
    Claim,
    DetailObservation,
    FlowExecutionObservation,
    Observation,
    TaskExecutionObservation,
    flow_name,
    task_name,
)
from tests.api.calls import position
from tests.cast import Tenant, operation
from tests.ingest.stored import stored

START = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
Owner = psycopg.Connection[Any]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def flow(id: UUID, name: str = "nightly", rank: int = 0, **more: Any) -> FlowExecutionObservation:
    return FlowExecutionObservation(id, Claim(name, START, rank), **more)


def task(id: UUID, seconds: float, status: str, idx: int = 0, **more: Any) -> TaskExecutionObservation:
    rank = ENDED if status in ("completed", "failed", "cancelled") else RUNNING
    return TaskExecutionObservation(id, "extract", idx, Claim(status, at(seconds), rank), **more)


def tell(tenant: Tenant, *observations: Observation) -> None:
    record_observations(tenant.id, tenant.actor, observations)


def record(tenant: Tenant, id: UUID, idx: int = 0) -> dict[str, Any]:
    query = {"flow_execution_id": str(id), "task_execution_idx": idx}
    (found,) = tenant.api().get("/api/task-executions", **query).json()["task_executions"]
    result: dict[str, Any] = found
    return result


def told_in_every_order(tenant: Tenant, owner: Owner, *observations: Observation) -> dict[str, Any]:
    """The one record that comes of it, whatever the order, one by one; other organizations take the other orders."""
    results = []
    for order in permutations(observations):
        other = Tenant.create()
        for one in order:
            tell(other, flow(one.flow_execution_id), one)  # type: ignore[union-attr]
        results.append([row[3:9] for row in stored(owner, other)["task_executions"]])
    assert all(result == results[0] for result in results)
    for one in observations:
        tell(tenant, flow(one.flow_execution_id), one)  # type: ignore[union-attr]
    return record(tenant, observations[0].flow_execution_id)  # type: ignore[union-attr]


def test_a_finished_task_never_goes_back_to_running_even_if_running_is_later(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    told = told_in_every_order(tenant, owner, task(id, 9, "running"), task(id, 5, "completed"), task(id, 1, "running"))
    assert (told["processing_status"], told["completed_at"]) == ("completed", "2026-11-23T21:00:05+00:00")


def test_of_two_ends_the_later_counts(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    told = told_in_every_order(tenant, owner, task(id, 5, "failed"), task(id, 7, "completed"), task(id, 6, "failed"))
    assert told["processing_status"] == "completed"


def test_of_two_at_the_same_moment_one_counts_whichever_comes_first(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    both = [task(id, 5, status, input={("n",): Claim(status, at(5))}) for status in ("failed", "completed")]
    told = told_in_every_order(tenant, owner, *both)
    assert told["input"] == {"n": told["processing_status"]}


def test_the_earliest_start_counts(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    starts = [task(id, seconds, "running", started_at=at(seconds)) for seconds in (5, 3, 8)]
    assert told_in_every_order(tenant, owner, *starts)["started_at"] == "2026-11-23T21:00:03+00:00"


def test_values_come_together_and_each_is_the_latest_of_the_highest_rank(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    told = told_in_every_order(
        tenant,
        owner,
        task(id, 1, "running", input={("a",): Claim("old", at(1)), ("job", "sql"): Claim(1, at(1))}),
        task(id, 2, "running", input={("a",): Claim("new", at(2)), ("job", "docs"): Claim(2, at(2))}),
        task(id, 0, "running", input={("a",): Claim("final", at(0), 1)}, output={("rows",): Claim(7, at(0))}),
    )
    assert told["input"] == {"a": "final", "job": {"sql": 1, "docs": 2}}
    assert told["output"] == {"rows": 7}


def test_the_better_name_of_a_flow_counts(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    names = [flow(id, "guess", 0), flow(id, "its own name", 2), flow(id, "another guess", 1)]
    for order in permutations(names):
        other = Tenant.create()
        for one in order:
            tell(other, one)
        assert [row[1] for row in stored(owner, other)["flow_executions"]] == ["its own name"]


def test_the_latest_run_of_a_skipped_task_is_cancelled_and_no_other(tenant: Tenant, owner: Owner) -> None:
    """Also when the latest run, or the word that it was skipped, comes last."""
    id = uuid4()
    skipped = flow(id, skipped=Claim(["extract"], at(9)))
    told = [task(id, 1, "completed", idx=0), task(id, 2, "completed", idx=1), skipped]
    for order in permutations(told):
        other = Tenant.create()
        for one in order:
            tell(other, flow(id), one)
        assert [row[3] for row in stored(owner, other)["task_executions"]] == ["completed", "cancelled"]


def test_a_task_that_is_no_longer_skipped_is_taken_at_its_word(tenant: Tenant, owner: Owner) -> None:
    """As when a flow is cleared and runs again, and its task with it: what counts came last in half of the orders."""
    id = uuid4()
    first, again = flow(id, skipped=Claim(["extract"], at(9))), flow(id, skipped=Claim([], at(5), 1))
    for order in permutations([task(id, 1, "completed"), task(id, 2, "completed", idx=1), first, again]):
        other = Tenant.create()
        for one in order:
            tell(other, flow(id), one)
        assert [row[3] for row in stored(owner, other)["task_executions"]] == ["completed", "completed"]


def test_what_is_known_by_a_run_alone_waits_for_it(tenant: Tenant, owner: Owner) -> None:
    id, run = uuid4(), uuid4()
    detail = DetailObservation(run, {("queries", "q1"): Claim({"query": "SELECT 1"}, at(1))})
    tell(tenant, detail)
    assert len(stored(owner, tenant)["waiting"]) == 1
    tell(tenant, flow(id), task(id, 2, "running", run_id=run))
    assert record(tenant, id)["input"] == {"queries": {"q1": {"query": "SELECT 1"}}}
    tell(tenant, DetailObservation(run, {("queries", "q2"): Claim({"query": "SELECT 2"}, at(1))}))
    assert sorted(record(tenant, id)["input"]["queries"]) == ["q1", "q2"]
    assert stored(owner, tenant)["waiting"] == []


def test_what_changes_nothing_is_no_event(tenant: Tenant) -> None:
    id = uuid4()
    tell(tenant, flow(id), task(id, 1, "running"))
    before, updated_at = position(tenant), record(tenant, id)["updated_at"]
    tell(tenant, flow(id), task(id, 1, "running"))
    tell(tenant, flow(id), task(id, 3, "running"))
    assert (position(tenant), record(tenant, id)["updated_at"]) == (before, updated_at)
    tell(tenant, flow(id), task(id, 4, "completed"))
    assert position(tenant) == before + 1


def test_what_a_person_corrected_stays(tenant: Tenant) -> None:
    id = uuid4()
    tell(tenant, flow(id), task(id, 1, "completed", output={("total",): Claim(1, at(1))}))
    told = record(tenant, id)
    corrected = {"id": told["id"], "output": {"total": 2}, "updated_at": told["updated_at"]}
    assert tenant.api("reviewer").put("/api/task-executions", corrected).status_code == 200
    tell(tenant, flow(id), task(id, 2, "completed", output={("total",): Claim(3, at(2), 1)}))
    told = record(tenant, id)
    assert (told["output"], told["edited_status"]) == ({"total": 2}, "edited_not_reexecuted")


def test_what_a_program_reported_stays_and_the_rest_is_added(tenant: Tenant) -> None:
    execution = tenant.execution()
    report = {"flow_execution_id": str(execution.id), "task_name": "extract", "task_execution_idx": 0}
    tenant.api().post("/api/task-executions", {**report, "processing_status": "running", "output": {"total": 2}})
    claims = {("total",): Claim(3, at(2)), ("more",): Claim(4, at(2))}
    tell(tenant, flow(execution.id), task(execution.id, 1, "completed", output=claims, input={("a",): Claim(1, at(1))}))
    told = record(tenant, execution.id)
    assert (told["output"], told["input"], told["processing_status"]) == ({"total": 2}, {"a": 1}, "completed")
    (listed,) = tenant.api().get("/api/flow-executions", flow_id=str(execution.flow_id)).json()
    assert listed["id"] == str(execution.id)  # it stays with its flow


def test_a_deleted_flow_execution_takes_nothing_more(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    tell(tenant, flow(id, skipped=Claim(["extract"], at(9))), task(id, 1, "running"))
    tenant.api().delete(f"/api/flow-executions/{id}")
    before = stored(owner, tenant), position(tenant)
    tell(tenant, flow(id, status=Claim("completed", at(5), ENDED)), task(id, 4, "completed"), task(id, 5, "failed", 1))
    tell(tenant, flow(id), task(id, 1, "running"))
    assert (stored(owner, tenant), position(tenant)) == before


def test_organizations_do_not_meet(tenant: Tenant, neighbour: Tenant, owner: Owner) -> None:
    id, run = uuid4(), uuid4()
    detail = DetailObservation(run, {("queries", "q"): Claim("secret", at(1))})
    tell(neighbour, detail, flow(id, "theirs"), task(id, 1, "completed", run_id=uuid4()))
    tell(tenant, flow(id, "ours"), task(id, 1, "running", run_id=run))
    assert record(tenant, id)["processing_status"] == "running"
    assert record(tenant, id)["input"] is None
    assert [row[1] for row in stored(owner, neighbour)["flow_executions"]] == ["theirs"]


def test_tagging_and_telling_at_once_do_not_block_each_other(tenant: Tenant) -> None:
    id = uuid4()
    tell(tenant, flow(id), task(id, 0, "running"))
    failures = at_once(
        *(
            lambda n=n: tell(tenant, flow(id), task(id, n, "running", input={(f"k{n}",): Claim(n, at(n))}))
            for n in range(6)
        ),
        *(lambda n=n: _tag(tenant, id, f"tag {n}") for n in range(6)),
    )
    assert failures == []
    assert len(record(tenant, id)["input"]) == len(record(tenant, id)["tags"]) == 6


def _tag(tenant: Tenant, id: UUID, tag: str) -> None:
    assert tenant.api().tag(operation("add", id, "extract", tag)).status_code == 200


@pytest.mark.parametrize("attempt", range(5))
def test_a_detail_and_its_task_find_each_other_when_they_come_at_once(
    tenant: Tenant, owner: Owner, attempt: int
) -> None:
    """The run is known to be waited for already, so that no insertion makes the two take turns."""
    id, runs = uuid4(), [uuid4() for _ in range(12)]
    tell(tenant, flow(id))

    def detail(run: UUID, name: str) -> DetailObservation:
        return DetailObservation(run, {("queries", name): Claim(name, at(1))})

    tell(tenant, *(detail(run, "first") for run in runs))
    failures = []
    for idx, run in enumerate(runs):
        failures += at_once(
            lambda run=run: tell(tenant, detail(run, "second")),
            lambda run=run, idx=idx: tell(tenant, flow(id), task(id, 1, "running", idx=idx, run_id=run)),
        )
    assert failures == []
    assert stored(owner, tenant)["waiting"] == []
    for idx in range(len(runs)):
        assert sorted(record(tenant, id, idx)["input"]["queries"]) == ["first", "second"]


def at_once(*steps: Any) -> list[BaseException]:
    barrier = threading.Barrier(len(steps))
    failures: list[BaseException] = []

    def run(step: Any) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(20)
            step()
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)
        finally:
            connection.close()

    connection.close()
    threads = [threading.Thread(target=run, args=[step]) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_name_that_is_too_long_keeps_its_beginning_and_stays_itself() -> None:
    long, other = "x" * 300, "x" * 299 + "y"
    assert task_name(long).startswith("x" * 100)
    assert len(task_name(long)) == len(flow_name(long)) == 200
    assert task_name(long) == task_name(long) != task_name(other)
    assert task_name("") == "(no name)"

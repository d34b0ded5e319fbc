"""Writes what producers tell (tags/actions/observations.py), in whatever order and however often they tell it.

Each statement is sent once for all observations, and those whose results are not waited for travel together. First the
producers' runs are locked, then the flow executions, both in sorted order; then the stored records are read, the claims
are merged into them in memory, and what changed is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tags.actions.claims import FlowExecutionRecord, TaskExecutionRecord
from tags.actions.ingest_runs import ProducerRuns
from tags.actions.ingest_stored import Stored, Task, lock_stored
from tags.actions.ingest_writing import write_records
from tags.actions.matching import Candidate
from tags.actions.observations import FlowExecutionObservation, Observation, TaskExecutionObservation
from tags.actions.rules import apply_rules
from tags.db.tenancy import in_organization, pipeline
from tags.models import Actor


def record_observations(organization_id: UUID, actor: Actor, observations: Sequence[Observation]) -> None:
    """Merge the observations into what is stored, in one transaction, and record one event for each changed record.

    Locks the runs and flow executions that they name, in sorted order, and at the end the organization's stream. What
    is told of a deleted flow execution is dropped. Review rules see every task execution that changed. Two round trips
    where all flow executions are known, no detail has to find its task, and there are no rules.

    Raises TooLarge, or what the database raises for values that it cannot store.
    """
    if not observations:
        return
    flow_executions = [one for one in observations if isinstance(one, FlowExecutionObservation)]
    tasks = [one for one in observations if isinstance(one, TaskExecutionObservation)]
    with pipeline(), in_organization(organization_id):
        runs = ProducerRuns(organization_id, observations)
        names = _names_of([*tasks, *runs.tasks_of_details()], flow_executions)
        stored = lock_stored(organization_id, actor.label, flow_executions, names)
        live = _merge_flow_executions(flow_executions, stored)
        records = _merge_tasks([*tasks, *runs.found], live, stored)
        runs.write()
        write_records(organization_id, actor, stored.moment, live.values(), records)
        if stored.has_rules:
            _apply_rules(organization_id, actor, live.values(), records)


def _names_of(
    tasks: Iterable[TaskExecutionObservation], flow_executions: Iterable[FlowExecutionObservation]
) -> set[Task]:
    """The tasks that are told of, and those that are told to be skipped."""
    names = {(one.flow_execution_id, one.task_name) for one in tasks}
    return names.union((one.id, name) for one in flow_executions if one.skipped for name in one.skipped.value)


def _merge_flow_executions(
    observations: Iterable[FlowExecutionObservation], stored: Stored
) -> dict[UUID, FlowExecutionRecord]:
    """All that are not deleted."""
    for one in observations:
        record = stored.flow_executions[one.id]
        if not record.is_deleted:
            record.take(one)
    return {id: record for id, record in stored.flow_executions.items() if not record.is_deleted}


def _merge_tasks(
    observations: Iterable[TaskExecutionObservation], live: Mapping[UUID, FlowExecutionRecord], stored: Stored
) -> list[TaskExecutionRecord]:
    """All runs of the tasks that the observations name, and of those that turned out to be skipped, or not to be."""
    stored.read_tasks({(id, name) for id, record in live.items() for name in record.reconsidered})
    for one in observations:
        if one.flow_execution_id in live:
            _record_of(one, stored).take(one)
    tasks = {task: runs for task, runs in stored.tasks.items() if task[0] in live}
    for (id, name), runs in tasks.items():
        for idx, record in runs.items():
            record.skip(name in live[id].skipped and idx == max(runs))
    return [record for runs in tasks.values() for record in runs.values()]


def _record_of(one: TaskExecutionObservation, stored: Stored) -> TaskExecutionRecord:
    runs = stored.tasks[one.flow_execution_id, one.task_name]
    if one.idx not in runs:
        runs[one.idx] = TaskExecutionRecord({}, one.flow_execution_id, one.task_name, one.idx, is_new=True)
    return runs[one.idx]


def _apply_rules(
    organization_id: UUID,
    actor: Actor,
    flow_executions: Iterable[FlowExecutionRecord],
    tasks: Iterable[TaskExecutionRecord],
) -> None:
    apply_rules(
        organization_id,
        actor,
        [_candidate(record) for record in tasks if record.has_visibly_changed],
        moved=[record.id for record in flow_executions if "flow" in record.changed and not record.is_new],
        takes_back=True,
    )


def _candidate(record: TaskExecutionRecord) -> Candidate:
    started_at, completed_at = (
        datetime.fromisoformat(time) if time else None for time in (record.started_at, record.completed_at)
    )
    return Candidate(
        record.flow_execution_id,
        record.task_name,
        record.idx,
        record.status,
        started_at,
        completed_at,
        record.input,
        record.output,
        record.error,
    )

"""Writes what producers tell (tags/actions/observations.py), in whatever order and however often they tell it.

Each statement is sent once for all observations, and with it those before it whose result nobody waits for. First the
producers' runs are locked, then the flow executions, both in sorted order; then the stored records are read, the claims
are merged into them in memory, and what changed is written.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DataError

from tags.actions.claims import FlowExecutionRecord, TaskExecutionRecord
from tags.actions.matching import Candidate
from tags.actions.observations import (
    Claim,
    DetailObservation,
    FlowExecutionObservation,
    Observation,
    TaskExecutionObservation,
)
from tags.actions.rules import apply_rules
from tags.db import exact_json
from tags.db.clock import database_now
from tags.db.tenancy import in_organization, pipeline, run
from tags.events import stream
from tags.models import Actor, EventType
from tags.models.ids import uuid7_text

# A record grows with all that is told of it: to read and write it must stay cheap. PostgreSQL's own limit is 256 MB of
# JSONB, which may take six times the room of the JSON; a statement stays below it too.
LARGEST_RECORD = 16 * 2**20
_LARGEST_STATEMENT = 2 * LARGEST_RECORD

# As `claims.time_text` writes it.
_TEXT_OF_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""

_ADD_RUNS = """
    INSERT INTO producer_run (id, organization_id, run_id, task_name, task_execution_idx, waiting)
    SELECT id, %(organization_id)s, run_id, '', 0, '[]'
    FROM unnest(%(ids)s::uuid[], %(run_ids)s::uuid[]) AS new(id, run_id)
    ON CONFLICT DO NOTHING
    RETURNING run_id, flow_execution_id, task_name, task_execution_idx, waiting::text
"""
_LOCK_RUNS = """
    SELECT run_id, flow_execution_id, task_name, task_execution_idx, waiting::text FROM producer_run
    WHERE organization_id = %(organization_id)s AND run_id = ANY(%(run_ids)s::uuid[])
    ORDER BY run_id FOR UPDATE
"""
_WRITE_RUNS = """
    UPDATE producer_run SET flow_execution_id = new.flow_execution_id, task_name = new.task_name,
                            task_execution_idx = new.task_execution_idx, waiting = new.waiting
    FROM jsonb_to_recordset(%(runs)s::jsonb) AS new(
             run_id uuid, flow_execution_id uuid, task_name text, task_execution_idx int, waiting jsonb)
    WHERE organization_id = %(organization_id)s AND producer_run.run_id = new.run_id
"""

_ADD_FLOWS = """
    INSERT INTO flow (id, organization_id, name, created_at)
    SELECT id, %(organization_id)s, name, %(now)s FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS new(id, name)
    ORDER BY name ON CONFLICT DO NOTHING
"""
_READ_KNOWN = """
    SELECT name, NULL::uuid FROM flow WHERE organization_id = %(organization_id)s AND name = ANY(%(names)s)
    UNION ALL
    SELECT NULL, id FROM flow_execution WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
"""

_ADD_FLOW_EXECUTIONS = """
    INSERT INTO flow_execution (id, organization_id, flow_id, flow_version, status, input,
                                created_at, updated_at, modified_by, claims)
    SELECT new.id, %(organization_id)s, flow.id, 1, 'queued', '{}', %(now)s, %(now)s, %(modified_by)s, '{}'
    FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS new(id, name)
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.name = new.name
    ORDER BY new.id ON CONFLICT DO NOTHING
    RETURNING id
"""
_LOCK_FLOW_EXECUTIONS = """
    SELECT id, status, input::text, claims::text FROM flow_execution
    WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
    ORDER BY id FOR NO KEY UPDATE
"""
_WRITE_FLOW_EXECUTIONS = """
    UPDATE flow_execution SET flow_id = coalesce(flow.id, flow_execution.flow_id), status = new.status,
                              input = new.input, claims = new.claims,
                              updated_at = %(now)s, modified_by = %(modified_by)s
    FROM jsonb_to_recordset(%(records)s::jsonb) AS new(
             id uuid, flow_name text, status text, input jsonb, claims jsonb)
    LEFT JOIN flow ON flow.organization_id = %(organization_id)s AND flow.name = new.flow_name
    WHERE flow_execution.organization_id = %(organization_id)s AND flow_execution.id = new.id
    RETURNING flow_execution.id, flow_execution.flow_id, flow_execution.flow_version,
              to_json(flow_execution.created_at) #>> '{}'
"""

_READ_TASK_EXECUTIONS = f"""
    SELECT flow_execution_id, task_name, task_execution_idx, id::text, processing_status,
           input::text, output::text, error::text, {_TEXT_OF_TIME.format("started_at")},
           {_TEXT_OF_TIME.format("completed_at")}, claims::text
    FROM task_execution
    WHERE organization_id = %(organization_id)s
      AND (flow_execution_id, task_name) IN (SELECT * FROM unnest(%(ids)s::uuid[], %(names)s::text[]))
"""
_WRITE_TASK_EXECUTIONS = """
    INSERT INTO task_execution (
        id, organization_id, flow_execution_id, task_name, task_execution_idx, processing_status,
        edited_status, stale_status, input, output, error, started_at, completed_at,
        created_at, modified_by, claims)
    SELECT id, %(organization_id)s, flow_execution_id, task_name, idx, status, 'not_edited', 'consistent',
           nullif(input, 'null'), nullif(output, 'null'), nullif(error, 'null'), started_at, completed_at,
           %(now)s, %(modified_by)s, claims
    FROM jsonb_to_recordset(%(records)s::jsonb) AS new(
             id uuid, flow_execution_id uuid, task_name text, idx int, status text, input jsonb, output jsonb,
             error jsonb, started_at timestamptz, completed_at timestamptz, claims jsonb)
    ON CONFLICT (organization_id, flow_execution_id, task_name, task_execution_idx) DO UPDATE
    SET processing_status = excluded.processing_status, input = excluded.input, output = excluded.output,
        error = excluded.error, started_at = excluded.started_at, completed_at = excluded.completed_at,
        claims = excluded.claims, updated_at = %(now)s, modified_by = %(modified_by)s
    RETURNING id::text, edited_status, stale_status, to_json(created_at) #>> '{}'
"""

# Which runs of a task: flow execution and task name.
_Task = tuple[UUID, str]


class TooLarge(DataError):
    """A record, or all that one statement would write: nothing was written, and fewer observations may go well."""


def record_observations(organization_id: UUID, actor: Actor, observations: Sequence[Observation]) -> None:
    """Merge the observations into what is stored, in one transaction, and record one event for each changed record.

    Locks the runs and flow executions that they name, in sorted order, and at the end the organization's stream. What
    is told of a deleted flow execution is dropped. Review rules see every task execution that changed.

    Raises TooLarge, or what the database raises for values that it cannot store.
    """
    if not observations:
        return
    with pipeline(), in_organization(organization_id):
        writing = _Writing(organization_id, actor)
        known = writing.find_runs(observations)
        tasks = [o for o in known if isinstance(o, TaskExecutionObservation)]
        flow_executions = writing.lock_flow_executions(
            [o for o in known if isinstance(o, FlowExecutionObservation)], {o.flow_execution_id for o in tasks}
        )
        live = {id: record for id, record in flow_executions.items() if not record.is_deleted}
        records = writing.merge_tasks([o for o in tasks if o.flow_execution_id in live], live)
        writing.write(live.values(), records)
        apply_rules(
            organization_id,
            actor,
            [_candidate(record) for record in records if record.has_visibly_changed],
            moved=[id for id, record in live.items() if "flow" in record.changed and not record.is_new],
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


class _Writing:
    """One transaction's worth of it."""

    def __init__(self, organization_id: UUID, actor: Actor) -> None:
        self._actor = actor
        self._now = database_now()
        self._common: dict[str, Any] = {
            "organization_id": organization_id,
            "now": self._now,
            "modified_by": actor.label,
        }
        self._organization_id = organization_id
        self._changed_runs: list[dict[str, Any]] = []

    def _query(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return run(statement, {**self._common, **parameters}).fetchall()

    def _execute(self, statement: str, **parameters: Any) -> None:
        run(statement, {**self._common, **parameters})

    # Runs

    def find_runs(self, observations: Sequence[Observation]) -> list[Observation]:
        """The observations; those that know a run's id alone come with its task, or are kept with the run to wait."""
        named = {o.run_id: o for o in observations if isinstance(o, TaskExecutionObservation) and o.run_id is not None}
        details: dict[UUID, list[DetailObservation]] = defaultdict(list)
        for observation in observations:
            if isinstance(observation, DetailObservation):
                details[observation.parent_run_id].append(observation)
        run_ids = sorted({*named, *details})
        if not run_ids:
            return list(observations)
        runs = self._query(_ADD_RUNS, ids=[uuid7_text() for _ in run_ids], run_ids=run_ids)
        if len(runs) < len(run_ids):
            runs = self._query(_LOCK_RUNS, run_ids=run_ids)
        found: list[Observation] = [o for o in observations if not isinstance(o, DetailObservation)]
        for run_id, flow_execution_id, task_name, idx, waiting in runs:
            target = (flow_execution_id, task_name, idx) if flow_execution_id is not None else None
            claims = [*map(_read_claims, exact_json.loads(waiting)), *(detail.input for detail in details[run_id])]
            if target is None and run_id in named:
                task = named[run_id]
                target = (task.flow_execution_id, task.task_name, task.idx)
            if target is not None:
                found += [_about_task(target, claim) for claim in claims]
            if target is not None and flow_execution_id is None:
                self._changed_runs.append(_run_row(run_id, target, []))
            elif target is None and details[run_id]:
                self._changed_runs.append(_run_row(run_id, None, claims))
        return found

    # Flow executions

    def lock_flow_executions(
        self, observations: Sequence[FlowExecutionObservation], more_ids: Iterable[UUID]
    ) -> dict[UUID, FlowExecutionRecord]:
        """The flow executions, the new ones among them made, with all that is claimed of them."""
        new = self._add_flow_executions(observations)
        ids = sorted({*(observation.id for observation in observations), *more_ids})
        records = {
            id: FlowExecutionRecord(
                exact_json.loads(claims) if claims else {}, id, status, exact_json.loads(input), is_new=id in new
            )
            for id, status, input, claims in self._query(_LOCK_FLOW_EXECUTIONS, ids=ids)
        }
        for observation in observations:
            record = records[observation.id]
            if not record.is_deleted:
                record.take(observation)
        return records

    def _add_flow_executions(self, observations: Sequence[FlowExecutionObservation]) -> set[UUID]:
        """Those that are new, by their id; the flows, too. Mostly there are none, which one look tells."""
        if not observations:
            return set()
        names = {observation.id: observation.flow_name.value for observation in observations}
        wanted = sorted({observation.flow_name.value for observation in observations})
        known = {name or id for name, id in self._query(_READ_KNOWN, names=wanted, ids=list(names))}
        missing = [name for name in wanted if name not in known]
        if missing:
            self._execute(_ADD_FLOWS, ids=[uuid7_text() for _ in missing], names=missing)
        ids = sorted(names.keys() - known)
        if not ids:
            return set()
        return {id for (id,) in self._query(_ADD_FLOW_EXECUTIONS, ids=ids, names=[names[id] for id in ids])}

    # Task executions

    def merge_tasks(
        self, observations: Sequence[TaskExecutionObservation], flow_executions: Mapping[UUID, FlowExecutionRecord]
    ) -> list[TaskExecutionRecord]:
        """All records of the tasks that the observations name, and of those that turned out to be skipped."""
        names: set[_Task] = {(o.flow_execution_id, o.task_name) for o in observations}
        for id, flow_execution in flow_executions.items():
            if "skipped" in flow_execution.changed:
                names |= {(id, name) for name in flow_execution.skipped}
        tasks = self._stored_tasks(sorted(names))
        for observation in observations:
            runs = tasks[observation.flow_execution_id, observation.task_name]
            if observation.idx not in runs:
                runs[observation.idx] = TaskExecutionRecord(
                    {}, observation.flow_execution_id, observation.task_name, observation.idx, is_new=True
                )
            runs[observation.idx].take(observation)
        for (id, name), runs in tasks.items():
            for idx, record in runs.items():
                record.skip(name in flow_executions[id].skipped and idx == max(runs))
        return [record for runs in tasks.values() for record in runs.values()]

    def _stored_tasks(self, names: Sequence[_Task]) -> dict[_Task, dict[int, TaskExecutionRecord]]:
        tasks: dict[_Task, dict[int, TaskExecutionRecord]] = defaultdict(dict)
        if not names:
            return tasks
        rows = self._query(_READ_TASK_EXECUTIONS, ids=[id for id, _ in names], names=[name for _, name in names])
        for id, name, idx, record_id, status, *values, started_at, completed_at, claims in rows:
            input, output, error, held = (value and exact_json.loads(value) for value in (*values, claims))
            tasks[id, name][idx] = TaskExecutionRecord(
                held or {}, id, name, idx, record_id, status, input, output, error, started_at, completed_at
            )
        return tasks

    # Writing

    def write(self, flow_executions: Iterable[FlowExecutionRecord], tasks: Iterable[TaskExecutionRecord]) -> None:
        events = [
            *self._write_flow_executions([record for record in flow_executions if record.changed]),
            *self._write_tasks([record for record in tasks if record.changed or record.is_new]),
        ]
        if self._changed_runs:
            self._execute(_WRITE_RUNS, runs=_dumped(self._changed_runs))
        if events:
            stream.append(self._organization_id, events, self._actor, self._now.isoformat())

    def _write_flow_executions(self, records: Sequence[FlowExecutionRecord]) -> list[stream.NewEvent]:
        if not records:
            return []
        by_id = {record.id: record for record in records}
        rows = [
            {
                "id": str(record.id),
                "flow_name": record.flow_name,
                "status": record.status,
                "input": record.input,
                "claims": record.claims,
            }
            for record in records
        ]
        events = []
        for id, flow_id, flow_version, created_at in self._query(_WRITE_FLOW_EXECUTIONS, records=_dumped(rows)):
            record = by_id[id]
            if not record.has_visibly_changed:
                continue
            data = {
                "id": str(id),
                "flow_id": str(flow_id),
                "flow_version": flow_version,
                "status": record.status,
                "created_at": created_at,
                "updated_at": self._now.isoformat(),
                "modified_by": self._actor.label,
            }
            kind = EventType.FLOW_EXECUTION_CREATED if record.is_new else EventType.FLOW_EXECUTION_UPDATED
            events.append(stream.NewEvent(kind, id, "", data))
        return sorted(events, key=lambda event: str(event.flow_execution_id))

    def _write_tasks(self, records: Sequence[TaskExecutionRecord]) -> list[stream.NewEvent]:
        if not records:
            return []
        by_id = {record.id: record for record in records}
        rows = [
            {
                "id": record.id,
                "flow_execution_id": str(record.flow_execution_id),
                "task_name": record.task_name,
                "idx": record.idx,
                "status": record.status,
                "input": record.input,
                "output": record.output,
                "error": record.error,
                "started_at": record.started_at,
                "completed_at": record.completed_at,
                "claims": record.claims,
            }
            for record in records
        ]
        events = []
        for id, edited_status, stale_status, created_at in self._query(_WRITE_TASK_EXECUTIONS, records=_dumped(rows)):
            record = by_id[id]
            if not record.has_visibly_changed:
                continue
            data = {
                "id": id,
                "task_execution_idx": record.idx,
                "processing_status": record.status,
                "edited_status": edited_status,
                "stale_status": stale_status,
                "created_at": created_at,
                "updated_at": None if record.is_new else self._now.isoformat(),
                "modified_by": self._actor.label,
            }
            kind = EventType.TASK_EXECUTION_CREATED if record.is_new else EventType.TASK_EXECUTION_UPDATED
            events.append(stream.NewEvent(kind, record.flow_execution_id, record.task_name, data))
        return events


def _dumped(rows: Iterable[dict[str, Any]]) -> str:
    """As a JSON array. Raises TooLarge."""
    texts = [exact_json.dumps(row) for row in rows]
    if max(map(len, texts)) > LARGEST_RECORD or sum(map(len, texts)) > _LARGEST_STATEMENT:
        raise TooLarge
    return f"[{','.join(texts)}]"


_Target = tuple[UUID, str, int]


def _about_task(target: _Target, claims: Mapping[tuple[str, ...], Claim]) -> TaskExecutionObservation:
    flow_execution_id, task_name, idx = target
    return TaskExecutionObservation(flow_execution_id, task_name, idx, input=claims)


def _run_row(
    run_id: UUID, target: _Target | None, waiting: Sequence[Mapping[tuple[str, ...], Claim]]
) -> dict[str, Any]:
    flow_execution_id, task_name, idx = target or (None, "", 0)
    return {
        "run_id": str(run_id),
        "flow_execution_id": None if flow_execution_id is None else str(flow_execution_id),
        "task_name": task_name,
        "task_execution_idx": idx,
        "waiting": [
            [[list(path), claim.value, claim.time.isoformat(), claim.rank] for path, claim in claims.items()]
            for claims in waiting
        ],
    }


def _read_claims(stored: list[Any]) -> dict[tuple[str, ...], Claim]:
    return {
        tuple(path): Claim(value, datetime.fromisoformat(time).astimezone(UTC), rank)
        for path, value, time, rank in stored
    }

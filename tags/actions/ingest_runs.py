"""Producers' runs: which task a run is, and what is told of it before that is known.

The row of a run is the lock under which a task and the details of it find each other, whichever comes first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.functional import cached_property  # functools' would hold up other threads while one waits here

from tags.actions.observations import Claim, DetailObservation, Observation, Path, TaskExecutionObservation
from tags.actions.record_size import dumped_rows
from tags.db import exact_json
from tags.db.tenancy import run
from tags.models.ids import uuid7_text

# A new run comes with its task, if that is told of; its flow execution may come after it (migration 0016).
_ADD = """
    INSERT INTO producer_run (id, organization_id, run_id, flow_execution_id, task_name, task_execution_idx, waiting)
    SELECT id, %(organization_id)s, run_id, flow_execution_id, task_name, task_execution_idx, '[]'
    FROM jsonb_to_recordset(%(runs)s::jsonb) AS new(
             id uuid, run_id uuid, flow_execution_id uuid, task_name text, task_execution_idx int)
    ORDER BY run_id ON CONFLICT DO NOTHING
"""
_LOCK = """
    SELECT run_id, flow_execution_id, task_name, task_execution_idx, waiting::text FROM producer_run
    WHERE organization_id = %(organization_id)s AND run_id = ANY(%(run_ids)s::uuid[])
    ORDER BY run_id FOR UPDATE
"""
_WRITE = """
    UPDATE producer_run SET flow_execution_id = new.flow_execution_id, task_name = new.task_name,
                            task_execution_idx = new.task_execution_idx, waiting = new.waiting
    FROM jsonb_to_recordset(%(runs)s::jsonb) AS new(
             run_id uuid, flow_execution_id uuid, task_name text, task_execution_idx int, waiting jsonb)
    WHERE organization_id = %(organization_id)s AND producer_run.run_id = new.run_id
"""

_Claims = Mapping[Path, Claim]
# Flow execution, task name and index of the task execution that a run is.
_Target = tuple[UUID, str, int]


class ProducerRuns:
    """The runs that observations name; made, and locked in sorted order."""

    def __init__(self, organization_id: UUID, observations: Sequence[Observation]) -> None:
        self._organization_id = organization_id
        self._targets: dict[UUID, _Target] = {}
        self._details: dict[UUID, list[_Claims]] = defaultdict(list)
        for one in observations:
            if isinstance(one, DetailObservation):
                self._details[one.parent_run_id].append(one.input)
            elif isinstance(one, TaskExecutionObservation) and one.run_id is not None:
                self._targets[one.run_id] = one.flow_execution_id, one.task_name, one.idx
        self._lock(sorted({*self._targets, *self._details}))

    def _lock(self, run_ids: Sequence[UUID]) -> None:
        self._locking = None
        if run_ids:
            rows = [{"id": uuid7_text(), **_row(run_id, self._targets.get(run_id))} for run_id in run_ids]
            run(_ADD, {"organization_id": self._organization_id, "runs": exact_json.dumps(rows)})
            self._locking = run(_LOCK, {"organization_id": self._organization_id, "run_ids": run_ids})

    def tasks_of_details(self) -> list[TaskExecutionObservation]:
        """What details tell, of the tasks that are known. Waits for an answer if there are any details."""
        return self.found if self._details else []

    @cached_property
    def found(self) -> list[TaskExecutionObservation]:
        """The same, and what has waited for the tasks that are told of now."""
        self._changed: list[dict[str, Any]] = []
        found = []
        for run_id, flow_execution_id, task_name, idx, waiting in self._locking or ():
            known = None if flow_execution_id is None else (flow_execution_id, task_name, idx)
            claims = [*map(_read_claims, exact_json.loads(waiting)), *self._details[run_id]]
            target = known or self._targets.get(run_id)
            if target:
                found += [_about_task(target, claimed) for claimed in claims]
            self._note_change(run_id, known, target, claims)
        return found

    def _note_change(self, run_id: UUID, known: _Target | None, target: _Target | None, claims: list[_Claims]) -> None:
        if target and not known:
            self._changed.append({**_row(run_id, target), "waiting": []})
        elif not target and self._details[run_id]:
            self._changed.append({**_row(run_id, None), "waiting": list(map(_kept_claims, claims))})

    def write(self) -> None:
        """Keep what `found` has changed."""
        if self._changed:
            run(_WRITE, {"organization_id": self._organization_id, "runs": dumped_rows(self._changed)})


def _about_task(target: _Target, claims: _Claims) -> TaskExecutionObservation:
    flow_execution_id, task_name, idx = target
    return TaskExecutionObservation(flow_execution_id, task_name, idx, input=claims)


def _row(run_id: UUID, target: _Target | None) -> dict[str, Any]:
    flow_execution_id, task_name, idx = target or (None, "", 0)
    return {
        "run_id": str(run_id),
        "flow_execution_id": None if flow_execution_id is None else str(flow_execution_id),
        "task_name": task_name,
        "task_execution_idx": idx,
    }


def _kept_claims(claims: _Claims) -> list[Any]:
    return [[list(path), claim.value, claim.time.isoformat(), claim.rank] for path, claim in claims.items()]


def _read_claims(kept: list[Any]) -> _Claims:
    return {
        tuple(path): Claim(value, datetime.fromisoformat(time).astimezone(UTC), rank)
        for path, value, time, rank in kept
    }

"""What is stored of the runs that observations name: locked and read, before they are merged into it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from tags.actions.claims import FlowExecutionRecord, TaskExecutionRecord
from tags.actions.observations import FlowExecutionObservation
from tags.actions.rules import ANY_ACTIVE
from tags.db import exact_json
from tags.db.tenancy import run
from tags.models.ids import uuid7_text

# All of them; or none if one that is told of, or its flow, has to be made first: to lock one and then wait for another
# would be to lock out of order.
_LOCK_FLOW_EXECUTIONS = """
    SELECT id, status, input::text, claims::text FROM flow_execution
    WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
      AND (SELECT count(*) FROM flow
           WHERE organization_id = %(organization_id)s AND name = ANY(%(names)s)) = cardinality(%(names)s)
      AND (SELECT count(*) FROM flow_execution
           WHERE organization_id = %(organization_id)s AND id = ANY(%(told)s::uuid[])) = cardinality(%(told)s::uuid[])
    ORDER BY id FOR NO KEY UPDATE
"""
_ADD_FLOWS = """
    INSERT INTO flow (id, organization_id, name, created_at)
    SELECT id, %(organization_id)s, name, clock_timestamp()
    FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS new(id, name)
    ORDER BY name ON CONFLICT DO NOTHING
"""
_ADD_FLOW_EXECUTIONS = """
    INSERT INTO flow_execution (id, organization_id, flow_id, flow_version, status, input,
                                created_at, updated_at, modified_by, claims)
    SELECT new.id, %(organization_id)s, flow.id, 1, 'queued', '{}', moment, moment, %(modified_by)s, '{}'
    FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS new(id, name)
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.name = new.name
    CROSS JOIN clock_timestamp() AS moment
    ORDER BY new.id ON CONFLICT DO NOTHING
    RETURNING id
"""
# Twice the same condition: the first is for the unique index, the second leaves only pairs. The texts of times are as
# `claims.time_text` writes them. The moment is taken here, after the locks, so that nothing is dated before what it
# comes after.
_TEXT_OF_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
_READ_TASK_EXECUTIONS = f"""
    SELECT to_json(moment) #>> '{{}}', {ANY_ACTIVE}, run.* FROM clock_timestamp() AS moment
    LEFT JOIN (
        SELECT flow_execution_id, task_name, task_execution_idx, id::text, processing_status,
               edited_status, stale_status, to_json(created_at) #>> '{{}}',
               {_TEXT_OF_TIME.format("started_at")}, {_TEXT_OF_TIME.format("completed_at")},
               input::text, output::text, error::text, claims::text
        FROM task_execution
        WHERE organization_id = %(organization_id)s
          AND flow_execution_id = ANY(%(ids)s::uuid[]) AND task_name = ANY(%(names)s::text[])
          AND (flow_execution_id, task_name) IN (SELECT * FROM unnest(%(ids)s::uuid[], %(names)s::text[]))
    ) AS run ON true
"""

# Which runs of a task: flow execution and task name.
Task = tuple[UUID, str]
_Runs = dict[int, TaskExecutionRecord]  # by index


@dataclass
class Stored:
    """`moment` is an ISO 8601 text: when the locks were held."""

    organization_id: UUID
    moment: str
    has_rules: bool
    flow_executions: dict[UUID, FlowExecutionRecord]
    tasks: dict[Task, _Runs]

    def read_tasks(self, names: Collection[Task]) -> None:
        """Of those that are not here yet."""
        missing = set(names) - self.tasks.keys()
        if missing:
            self.tasks.update(_tasks(missing, _send_reading(self.organization_id, missing).fetchall()))


def lock_stored(
    organization_id: UUID, modified_by: str, told: Sequence[FlowExecutionObservation], names: set[Task]
) -> Stored:
    """Lock the flow executions in sorted order, after the new ones are made, and read them and all runs of the tasks.

    One round trip if the flow executions and their flows are there already, else two.
    """
    looking = _Looking(organization_id, told, names)
    rows, new = looking.locked.fetchall(), set()
    if told and not rows:
        adding = _send_additions(organization_id, modified_by, told)
        looking = _Looking(organization_id, told, names)
        rows, new = looking.locked.fetchall(), {id for (id,) in adding}
    flow_executions = {id: _flow_execution(id, *values, is_new=id in new) for id, *values in rows}
    tasks = looking.tasks.fetchall()
    moment, has_rules = tasks[0][:2]
    return Stored(organization_id, moment, has_rules, flow_executions, _tasks(names, tasks))


class _Looking:
    """Two statements that travel together."""

    def __init__(self, organization_id: UUID, told: Sequence[FlowExecutionObservation], names: set[Task]) -> None:
        told_ids = {one.id for one in told}
        flow_names = {one.flow_name.value for one in told}
        self.locked = run(
            _LOCK_FLOW_EXECUTIONS,
            {
                "organization_id": organization_id,
                "ids": [*told_ids.union(id for id, _ in names)],
                "told": [*told_ids],
                "names": [*flow_names],
            },
        )
        self.tasks = _send_reading(organization_id, names)


def _send_reading(organization_id: UUID, names: Collection[Task]) -> psycopg.Cursor:
    ids, task_names = [id for id, _ in names], [name for _, name in names]
    return run(_READ_TASK_EXECUTIONS, {"organization_id": organization_id, "ids": ids, "names": task_names})


def _send_additions(
    organization_id: UUID, modified_by: str, told: Sequence[FlowExecutionObservation]
) -> psycopg.Cursor:
    """Make those that are not there, and their flows; gives the ids of the flow executions that are new."""
    names = {one.id: one.flow_name.value for one in told}
    flows = sorted({one.flow_name.value for one in told})
    run(_ADD_FLOWS, {"organization_id": organization_id, "ids": [uuid7_text() for _ in flows], "names": flows})
    return run(
        _ADD_FLOW_EXECUTIONS,
        {
            "organization_id": organization_id,
            "modified_by": modified_by,
            "ids": [*names],
            "names": [*names.values()],
        },
    )


def _flow_execution(id: UUID, status: str, input: str, claims: str | None, *, is_new: bool) -> FlowExecutionRecord:
    held = exact_json.loads(claims) if claims else {}
    return FlowExecutionRecord(held, id, status, exact_json.loads(input), is_new=is_new)


def _tasks(names: Collection[Task], rows: Sequence[tuple[Any, ...]]) -> dict[Task, _Runs]:
    tasks: dict[Task, _Runs] = {name: {} for name in names}
    for _, _, id, name, idx, record_id, *texts, input, output, error, claims in rows:
        if id is None:  # of the row that stands for none
            continue
        values = [value and exact_json.loads(value) for value in (input, output, error)]
        held = exact_json.loads(claims) if claims else {}
        tasks[id, name][idx] = TaskExecutionRecord(held, id, name, idx, record_id, *texts, *values)
    return tasks

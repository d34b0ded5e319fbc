"""Where a task stands among those that wait for a person: the oldest first."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

# A task waits since the oldest of its waiting tags, as in the inbox. `here` is empty for one that does not wait: then
# the oldest is next.
_AROUND = """
    WITH waiting AS MATERIALIZED (
        SELECT DISTINCT ON (task_tag.flow_execution_id, task_tag.task_name)
               task_tag.flow_execution_id, task_tag.task_name, task_tag.created_at AS since, task_tag.id
        FROM task_tag
        JOIN flow_execution ON flow_execution.organization_id = task_tag.organization_id
         AND flow_execution.id = task_tag.flow_execution_id AND flow_execution.status <> 'deleted'
        WHERE task_tag.organization_id = %(organization_id)s::uuid AND task_tag.status = 'active'
          AND task_tag.tag = ANY(%(tags)s::text[])
        ORDER BY task_tag.flow_execution_id, task_tag.task_name, task_tag.created_at, task_tag.id
    ), here AS (
        SELECT since, id FROM waiting
        WHERE flow_execution_id = %(flow_execution_id)s::uuid AND task_name = %(task_name)s::text
    ), others AS (
        SELECT waiting.*, (waiting.since, waiting.id) > (here.since, here.id) AS is_after
        FROM waiting LEFT JOIN here ON true
        WHERE (waiting.flow_execution_id, waiting.task_name) <> (%(flow_execution_id)s::uuid, %(task_name)s::text)
    ), next AS (
        SELECT * FROM others ORDER BY is_after DESC NULLS LAST, since, id LIMIT 1
    ), previous AS (
        SELECT * FROM others WHERE NOT is_after ORDER BY since DESC, id DESC LIMIT 1
    )
    SELECT (SELECT count(*) FROM waiting), (SELECT count(*) FROM others WHERE NOT is_after) + 1,
           (SELECT count(*) FROM here), next_run.id, next_run.task_name, previous_run.id
    FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (
        SELECT run.id, run.task_name FROM next JOIN task_execution AS run
          ON run.organization_id = %(organization_id)s::uuid AND run.flow_execution_id = next.flow_execution_id
         AND run.task_name = next.task_name
        ORDER BY run.task_execution_idx DESC LIMIT 1
    ) AS next_run ON true
    LEFT JOIN LATERAL (
        SELECT run.id FROM previous JOIN task_execution AS run
          ON run.organization_id = %(organization_id)s::uuid AND run.flow_execution_id = previous.flow_execution_id
         AND run.task_name = previous.task_name
        ORDER BY run.task_execution_idx DESC LIMIT 1
    ) AS previous_run ON true
"""


@dataclass(frozen=True, slots=True)
class Place:
    """`number` of `count` waiting tasks, counted from 1; None if it does not wait. The ids are of the newest runs."""

    count: int
    number: int | None
    next_id: UUID | None
    next_name: str
    previous_id: UUID | None


def place_of(organization_id: UUID, flow_execution_id: UUID, task_name: str, waiting: list[str]) -> Place:
    """Inside `in_organization`. After the newest waiting task comes the oldest."""
    parameters: dict[str, Any] = {
        "organization_id": organization_id,
        "flow_execution_id": flow_execution_id,
        "task_name": task_name,
        "tags": waiting,
    }
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, parameters)
        count, number, is_waiting, next_id, next_name, previous_id = cursor.fetchone()
    return Place(count, number if is_waiting else None, next_id, next_name or "", previous_id if is_waiting else None)

"""Where a task stands in the list that the person came from: what is next, what was before."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from tags.actions.decisions import Task
from tags.review.inbox_filter import Filter
from tags.review.inbox_query import InboxQuery

# What is counted in each direction; from there on a figure is "at least".
COUNTED = 100

_NEWEST_RUNS = """
    SELECT wanted.ordinal, run.id
    FROM unnest(%(flow_execution_ids)s::uuid[], %(task_names)s::text[]) WITH ORDINALITY
         AS wanted(flow_execution_id, task_name, ordinal)
    CROSS JOIN LATERAL (
        SELECT id FROM task_execution
        WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
          AND task_name = wanted.task_name
        ORDER BY task_execution_idx DESC LIMIT 1
    ) AS run
"""


@dataclass(frozen=True, slots=True)
class Place:
    """`number` in a list of `count`, from 1; None for a task that is not in it, or has more than COUNTED before it.

    `count` has a plus where it is at least so many. The ids are of the newest runs.
    """

    count: str
    number: int | None
    next_id: UUID | None
    previous_id: UUID | None


def place_of(organization_id: UUID, task: Task, waiting: list[str], wanted: Filter) -> Place:
    """Inside `in_organization`. After the last task, and after one that is not in the list, comes the first."""
    query = InboxQuery(organization_id, waiting, wanted)
    here = query.key_of(task)
    cursor = here.cursor(wanted.sort) if here else None
    after, more = query.some(COUNTED, cursor)
    before, more_before = query.some(COUNTED, cursor, backward=True) if here else ([], False)
    first = query.some(1, None)[0] if more_before and not after else before[-1:]
    following = after[:1] or first
    ids = _newest_runs(organization_id, [*following, *before[:1]])
    count = len(before) + len(after) + (here is not None)
    return Place(
        count=f"{count}+" if more or more_before else str(count),
        number=len(before) + 1 if here and not more_before else None,
        next_id=ids[0] if following else None,
        previous_id=ids[-1] if before else None,
    )


def _newest_runs(organization_id: UUID, tasks: list[Task]) -> list[UUID]:
    parameters: dict[str, Any] = {
        "organization_id": organization_id,
        "flow_execution_ids": [task[0] for task in tasks],
        "task_names": [task[1] for task in tasks],
    }
    with connection.cursor() as cursor:
        cursor.execute(f"{_NEWEST_RUNS} ORDER BY wanted.ordinal", parameters)
        return [id for _ordinal, id in cursor.fetchall()]

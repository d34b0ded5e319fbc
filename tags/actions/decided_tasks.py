"""Which tasks a decision was about, and since when they waited: written with the decision, read by Insights."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tags.models import DecidedTask, Decision, TaskTag

Task = tuple[UUID, str]
"""Flow execution and task name: what tags are on."""


def record_decided_tasks(
    decision: Decision, tasks: Iterable[Task], flows: Mapping[UUID, UUID], waiting_since: Mapping[Task, datetime]
) -> None:
    """One row for each task; `flows` by flow execution. In the transaction of the decision."""
    DecidedTask.objects.bulk_create(
        DecidedTask(
            organization_id=decision.organization_id,
            decision_id=decision.id,
            kind=decision.kind,
            user_id=decision.user_id,
            flow_id=flows[task[0]],
            flow_execution_id=task[0],
            task_name=task[1],
            decided_at=decision.created_at,
            waiting_since=waiting_since.get(task),
        )
        for task in tasks
    )


def take_back_decided_tasks(organization_id: UUID, decisions: Sequence[Decision], undone_at: datetime) -> None:
    """They count no more; `undone_at` is the moment at which the tags came back. In the transaction of the undo."""
    tasks = DecidedTask.objects.in_organization(organization_id)
    tasks.filter(decision_id__in=[decision.id for decision in decisions]).update(undone_at=undone_at)


def waits_of(organization_id: UUID, waiting_tags: Mapping[Task, Sequence[TaskTag]]) -> dict[Task, datetime]:
    """Since when each task waits: since the oldest of its waiting tags was put on. Inside `in_organization`.

    A tag that an undo put on again counts from when it was first put on, as if nothing had been decided in between.
    """
    came_back = _came_back(organization_id, waiting_tags)
    return {
        task: min(came_back.get((task, tag.created_at), tag.created_at) for tag in tags)
        for task, tags in waiting_tags.items()
        if tags
    }


def _came_back(organization_id: UUID, tasks: Iterable[Task]) -> dict[tuple[Task, datetime], datetime]:
    """Since when the task had waited, by task and moment of the undo."""
    wanted = set(tasks)
    rows: Any = (
        DecidedTask.objects.in_organization(organization_id)
        .filter(
            flow_execution_id__in={task[0] for task in wanted},
            task_name__in={task[1] for task in wanted},
            undone_at__isnull=False,
            waiting_since__isnull=False,
        )
        .order_by("-waiting_since")  # so that the oldest is what is kept
        .values_list("flow_execution_id", "task_name", "undone_at", "waiting_since")
    )
    return {((flow_execution_id, name), undone_at): since for flow_execution_id, name, undone_at, since in rows}

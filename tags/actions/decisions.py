"""What a reviewer decides about tasks: approve, reject, flag, and take it back. Each is a batch of the one engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.actions.credentials import Caller
from tags.actions.decided_tasks import Task as Task  # also for who calls this
from tags.actions.decided_tasks import record_decided_tasks, take_back_decided_tasks, waits_of
from tags.db.clock import database_now
from tags.db.tenancy import in_organization
from tags.errors import BadRequest, Conflict, Forbidden, NotFound, detail
from tags.models import Decision, DecisionKind, Event, FlowExecution, Organization, TaskTag
from tags.models.ids import uuid7

# Tasks decided in one transaction, and so in one batch.
MOST_TASKS = 100
MOST_NOTE = 10_000
REVIEW = "review"
_ADDED = {DecisionKind.APPROVE: ("approved", REVIEW), DecisionKind.REJECT: ("rejected", REVIEW)}
VERDICTS = frozenset(tag for tag, _type in _ADDED.values())
_FLAG = ("requires_attention", REVIEW)


@dataclass(frozen=True, slots=True)
class Decided:
    """`group_id` is what takes it back; `changed` are the tasks of which something changed, `count` how many tags."""

    group_id: UUID
    changed: list[Task]
    count: int


def decide(
    caller: Caller, kind: DecisionKind, tasks: Sequence[Task], note: str = "", group_id: UUID | None = None
) -> Decided:
    """Approve, reject or flag up to MOST_TASKS tasks, in one transaction.

    A verdict takes off what made the task wait and an earlier verdict; a flag is added to what there is. The note is
    kept in the new tag's metadata. Locks the flow executions, in sorted order. Raises NotFound, BadRequest.
    """
    if kind not in (*_ADDED, DecisionKind.FLAG):
        raise BadRequest(_("A decision is to approve, reject or flag"))
    _check(tasks, note)
    metadata = {"note": note} if note else None
    with in_organization(caller.organization_id):
        flows = lock_flow_executions(caller.organization_id, tasks)
        waiting = waiting_tags(caller.organization_id)
        active = _active_tags(caller.organization_id, tasks)
        operations: list[Operation] = []
        for task in tasks:
            if kind == DecisionKind.FLAG:
                if not any(tag.tag == _FLAG[0] for tag in active.get(task, ())):
                    operations.append(Operation(OperationKind.ADD, *task, *_FLAG, metadata))
                continue
            tag, tag_type = _ADDED[DecisionKind(kind)]
            same = [one for one in active.get(task, ()) if (one.tag, one.tag_type) == (tag, tag_type)]
            operations += [
                Operation(OperationKind.REMOVE, *task, one.tag, one.tag_type, one.tag_metadata)
                for one in active.get(task, ())
                if one.tag in waiting or (one.tag in VERDICTS and one.tag_type == REVIEW and one not in same)
            ]
            if not same:
                operations.append(Operation(OperationKind.ADD, *task, tag, tag_type, metadata))
        decision, decided = _apply(caller, kind, operations, note, group_id)
        since = {} if kind == DecisionKind.FLAG else waits_of(caller.organization_id, _waiting(active, waiting))
        record_decided_tasks(decision, decided.changed, flows, since)
    return decided


def change_tags(
    caller: Caller, operations: Sequence[Operation], note: str = "", group_id: UUID | None = None
) -> Decided:
    """Add and remove any tags, as a decision that can be taken back. Raises NotFound, BadRequest."""
    tasks = [(operation.flow_execution_id, operation.task_name) for operation in operations]
    _check(tasks, note)
    with in_organization(caller.organization_id):
        return _apply(caller, DecisionKind.TAG, operations, note, group_id)[1]


def undo(caller: Caller, group_id: UUID) -> Decided:
    """Take back all that was decided under this id, in one transaction: what was added is removed, and back again.

    Raises NotFound, and Conflict if it was taken back already, or if something later contradicts it: a tag that it
    added is gone, or one that it removed is there again. Then nothing changes.
    """
    with in_organization(caller.organization_id):
        decisions = list(
            Decision.objects.in_organization(caller.organization_id)
            .filter(group_id=group_id, kind__in=[kind for kind in DecisionKind if kind != DecisionKind.UNDO])
            .order_by("created_at", "id")
            .select_for_update(no_key=True)
        )
        if not decisions:
            raise NotFound(_("There is no such decision"))
        if any(decision.undone_by for decision in decisions):
            raise Conflict(_("This was taken back already"))
        changes = [_operation(change) for decision in reversed(decisions) for change in reversed(decision.changes)]
        reversal = [_reversed(operation) for operation in changes]
        reversing, decided = _apply(
            caller, DecisionKind.UNDO, reversal, "", uuid7(), undoes=group_id, all_must_change=True
        )
        Decision.objects.in_organization(caller.organization_id).filter(group_id=group_id).exclude(
            kind=DecisionKind.UNDO
        ).update(undone_by=decided.group_id)
        take_back_decided_tasks(caller.organization_id, decisions, reversing.created_at)
    return decided


def waiting_tags(organization_id: UUID) -> list[str]:
    """The tags that make a task wait for a person; a setting of the organization. Inside `in_organization`."""
    tags: list[str] = Organization.objects.values_list("waiting_tags", flat=True).get(id=organization_id)
    return tags


def lock_flow_executions(organization_id: UUID, tasks: Sequence[Task]) -> dict[UUID, UUID]:
    """In sorted order, as the batch engine does; gives the flow of each. Inside `in_organization`. Raises NotFound."""
    ids = sorted({task[0] for task in tasks})
    executions = FlowExecution.objects.in_organization(organization_id).not_deleted().filter(id__in=ids)
    flows = dict(executions.order_by("id").select_for_update(no_key=True).values_list("id", "flow_id"))
    if set(flows) != set(ids):
        raise NotFound(_("A flow execution is not there any more"))
    return flows


def _check(tasks: Sequence[Task], note: str) -> None:
    if not 0 < len(tasks) <= MOST_TASKS:
        raise BadRequest(_("1 to %d tasks can be decided at once") % MOST_TASKS)
    if len(note) > MOST_NOTE or "\x00" in note:
        message = _("A note has at most %d characters, none of them NUL") % MOST_NOTE
        raise BadRequest(message, [detail(("body", "note"), message, "note")])


def _active_tags(organization_id: UUID, tasks: Sequence[Task]) -> dict[Task, list[Any]]:
    found: dict[Task, list[Any]] = {}
    tags = TaskTag.objects.in_organization(organization_id).filter(
        flow_execution_id__in={task[0] for task in tasks}, task_name__in={task[1] for task in tasks}
    )
    for tag in tags.order_by("created_at", "id"):
        found.setdefault((tag.flow_execution_id, tag.task_name), []).append(tag)
    return found


def _apply(
    caller: Caller,
    kind: DecisionKind,
    operations: Sequence[Operation],
    note: str,
    group_id: UUID | None,
    *,
    undoes: UUID | None = None,
    all_must_change: bool = False,
) -> tuple[Decision, Decided]:
    """The batch and its record, in the transaction that is open."""
    if caller.user is None:
        raise Forbidden(_("A decision is a person's; programs change tags over the API"))
    outcomes = apply_batch(operations, caller.actor, caller.organization_id)
    changed = [
        operation
        for operation, outcome in zip(operations, outcomes, strict=True)
        if outcome in (Outcome.ADDED, Outcome.REMOVED)
    ]
    if all_must_change and len(changed) < len(operations):
        raise Conflict(_("Somebody has changed these tags since; look at the task before you change it back"))
    moment, batch_id, position = _newest_event(caller.organization_id) if changed else (database_now(), None, None)
    decision = Decision.objects.create(
        organization_id=caller.organization_id,
        group_id=group_id or uuid7(),
        user=caller.user,
        kind=kind,
        note=note,
        changes=[_change(operation) for operation in changed],
        created_at=moment,
        batch_id=batch_id,
        position=position,
        undoes=undoes,
    )
    tasks = dict.fromkeys((operation.flow_execution_id, operation.task_name) for operation in changed)
    return decision, Decided(decision.group_id, list(tasks), len(changed))


def _newest_event(organization_id: UUID) -> tuple[datetime, UUID, int]:
    """Of the batch just applied: its transaction holds the stream, so nobody's event can be newer."""
    events = Event.objects.in_organization(organization_id).order_by("-position")
    newest: tuple[datetime, UUID, int] = events.values_list("time", "batch_id", "position")[0]
    return newest


def _waiting(active: Mapping[Task, Sequence[TaskTag]], waiting: Sequence[str]) -> dict[Task, list[TaskTag]]:
    """What of each task's tags makes it wait."""
    return {task: [tag for tag in tags if tag.tag in waiting] for task, tags in active.items()}


def _change(operation: Operation) -> list[Any]:
    return [
        operation.kind.value,
        str(operation.flow_execution_id),
        operation.task_name,
        operation.tag,
        operation.tag_type,
        operation.tag_metadata,
    ]


def _operation(change: list[Any]) -> Operation:
    kind, flow_execution_id, task_name, tag, tag_type, metadata = change
    return Operation(OperationKind(kind), UUID(flow_execution_id), task_name, tag, tag_type, metadata)


def _reversed(operation: Operation) -> Operation:
    kind = OperationKind.REMOVE if operation.kind is OperationKind.ADD else OperationKind.ADD
    return Operation(
        kind,
        operation.flow_execution_id,
        operation.task_name,
        operation.tag,
        operation.tag_type,
        operation.tag_metadata,
    )

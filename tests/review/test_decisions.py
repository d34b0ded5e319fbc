"""Approve, reject, flag, and take it back."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tags.actions.batch import Operation, OperationKind
from tags.actions.credentials import Caller, caller_of_user
from tags.actions.decisions import Decided, Task, change_tags, decide, undo
from tags.db.tenancy import in_organization
from tags.errors import BadRequest, Conflict, NotFound
from tags.models import Decision, DecisionKind
from tests.api.calls import position
from tests.cast import Tenant, operation

APPROVE, REJECT, FLAG = DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.FLAG


def reviewer(tenant: Tenant) -> Caller:
    return caller_of_user(tenant.reviewer.id, tenant.id, "test")


def tags(tenant: Tenant, task: Task) -> dict[str, Any]:
    query = {"flow_execution_id": str(task[0]), "task_name": task[1]}
    return {tag["tag"]: tag["tag_metadata"] for tag in tenant.api().get("/api/task-tags", **query).json()}


@pytest.fixture
def task(tenant: Tenant) -> Task:
    """One that waits for approval."""
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "pending_approval", tag_metadata={"why": "low"}))
    return execution.id, "extract"


def made(tenant: Tenant, kind: DecisionKind, *tasks: Task, note: str = "") -> Decided:
    return decide(reviewer(tenant), kind, tasks, note)


def test_an_approval_takes_off_what_waited_and_says_who(tenant: Tenant, task: Task) -> None:
    before = position(tenant)
    decided = made(tenant, APPROVE, task, note="looks right")
    assert tags(tenant, task) == {"approved": {"note": "looks right"}}
    assert decided.changed == [task]
    events = tenant.api().get("/api/events", after=before).json()["events"]
    assert [event["type"] for event in events] == ["tagsite.task_tag.removed", "tagsite.task_tag.added"]
    assert {event["actor"] for event in events} == {f"user:{tenant.reviewer.id}"}
    assert len({event["batchid"] for event in events}) == 1


def test_a_verdict_takes_the_place_of_the_other(tenant: Tenant, task: Task) -> None:
    made(tenant, REJECT, task)
    assert tags(tenant, task) == {"rejected": None}
    made(tenant, APPROVE, task)
    assert tags(tenant, task) == {"approved": None}


def test_the_same_verdict_again_changes_nothing(tenant: Tenant, task: Task) -> None:
    made(tenant, APPROVE, task, note="first")
    before = position(tenant)
    assert made(tenant, APPROVE, task, note="again").changed == []
    assert (tags(tenant, task), position(tenant)) == ({"approved": {"note": "first"}}, before)


def test_a_flag_is_added_to_what_there_is(tenant: Tenant, task: Task) -> None:
    made(tenant, FLAG, task, note="ask legal")
    assert tags(tenant, task) == {"pending_approval": {"why": "low"}, "requires_attention": {"note": "ask legal"}}


@pytest.mark.parametrize("kind", [APPROVE, REJECT, FLAG])
def test_undo_brings_back_what_was(tenant: Tenant, task: Task, kind: DecisionKind) -> None:
    before = tags(tenant, task)
    decided = made(tenant, kind, task, note="oops")
    assert tags(tenant, task) != before
    undo(reviewer(tenant), decided.group_id)
    assert tags(tenant, task) == before
    with in_organization(tenant.id):
        first, second = Decision.objects.in_organization(tenant.id).order_by("created_at")
    assert (second.undoes, first.undone_by) == (first.group_id, second.group_id)


def test_many_at_once_are_taken_back_at_once(tenant: Tenant) -> None:
    execution = tenant.execution(*(f"task {n}" for n in range(100)))
    tasks = [(execution.id, f"task {n}") for n in range(100)]
    tenant.api().tag(*(operation("add", execution, name, "pending_approval") for _, name in tasks))
    group = uuid4()
    for part in (tasks[:60], tasks[60:]):
        decide(reviewer(tenant), APPROVE, part, group_id=group)
    assert all(tags(tenant, task) == {"approved": None} for task in tasks)
    undo(reviewer(tenant), group)
    assert all(tags(tenant, task) == {"pending_approval": None} for task in tasks)


def test_what_was_contradicted_since_is_not_taken_back(tenant: Tenant, task: Task) -> None:
    decided = made(tenant, APPROVE, task)
    made(tenant, REJECT, task)
    before = position(tenant)
    with pytest.raises(Conflict):
        undo(reviewer(tenant), decided.group_id)
    assert (tags(tenant, task), position(tenant)) == ({"rejected": None}, before)


def test_nothing_is_taken_back_twice(tenant: Tenant, task: Task) -> None:
    decided = made(tenant, APPROVE, task)
    undo(reviewer(tenant), decided.group_id)
    with pytest.raises(Conflict):
        undo(reviewer(tenant), decided.group_id)
    assert tags(tenant, task) == {"pending_approval": {"why": "low"}}


def test_any_tags_are_changed_and_taken_back(tenant: Tenant, task: Task) -> None:
    add = Operation(OperationKind.ADD, *task, "seen", "label", {"n": 1})
    remove = Operation(OperationKind.REMOVE, *task, "pending_approval", "review", {"why": "low"})
    decided = change_tags(reviewer(tenant), [add, remove])
    assert tags(tenant, task) == {"seen": {"n": 1}}
    undo(reviewer(tenant), decided.group_id)
    assert tags(tenant, task) == {"pending_approval": {"why": "low"}}


def test_another_organizations_tasks_and_decisions_do_not_exist(tenant: Tenant, neighbour: Tenant, task: Task) -> None:
    foreign = (neighbour.execution("extract").id, "extract")
    decided = made(tenant, APPROVE, task)
    with pytest.raises(NotFound):
        decide(reviewer(tenant), APPROVE, [task, foreign])
    with pytest.raises(NotFound):
        undo(reviewer(neighbour), decided.group_id)
    assert tags(tenant, task) == {"approved": None}


def test_a_task_that_is_not_there_leaves_all_as_it_was(tenant: Tenant, task: Task) -> None:
    with pytest.raises(NotFound):
        made(tenant, APPROVE, task, (task[0], "no such task"))
    assert tags(tenant, task) == {"pending_approval": {"why": "low"}}


@pytest.mark.parametrize("note", ["x" * 10_001, "a\x00b"])
def test_a_note_that_cannot_be_kept_is_refused(tenant: Tenant, task: Task, note: str) -> None:
    with pytest.raises(BadRequest):
        made(tenant, APPROVE, task, note=note)


def test_how_many_at_once_is_bounded(tenant: Tenant, task: Task) -> None:
    for count in (0, 101):
        with pytest.raises(BadRequest):
            made(tenant, APPROVE, *[(UUID(int=0), "x")] * count)

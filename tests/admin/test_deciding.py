"""Decisions, removals and restorations from the lists: through the engine, and so that they can be taken back."""

import psycopg
import pytest

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.flow_executions import delete_flow_execution
from tags.db.tenancy import in_organization
from tags.models import Decision, FlowExecution, TaskTag
from tests.admin.browsing import DECISIONS, FLOW_EXECUTIONS, TAGS, TASKS, Person, text
from tests.api.calls import position
from tests.cast import Tenant


@pytest.fixture
def person(tenant: Tenant) -> Person:
    return Person.logged_in(tenant.admin)


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    execution = tenant.execution("extract", "post")
    put_on(tenant, execution, "extract", "pending_approval", {"why": 1.10})
    return execution


def put_on(tenant: Tenant, execution: FlowExecution, task: str, tag: str, metadata: object = None) -> TaskTag:
    apply_batch([Operation(OperationKind.ADD, execution.id, task, tag, "review", metadata)], tenant.actor, tenant.id)
    with in_organization(tenant.id):
        return TaskTag.objects.get(flow_execution_id=execution.id, task_name=task, tag=tag)


def tags(tenant: Tenant) -> dict[str, list[str]]:
    """Every record, deleted ones too, by task."""
    with in_organization(tenant.id):
        found = TaskTag.all_objects.order_by("created_at", "id").values_list("task_name", "tag", "status")
        records: dict[str, list[str]] = {}
        for task, tag, status in found:
            records.setdefault(task, []).append(f"{tag} {status}")
        return records


def only(tenant: Tenant, model: type[TaskTag] | type[Decision]) -> TaskTag | Decision:
    with in_organization(tenant.id):
        return model.objects.get()


def test_an_approval_from_the_list_of_tags_and_back(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    page = person.act(TAGS, "approve", only(tenant, TaskTag).id)
    assert "1 task approved." in page
    assert tags(tenant) == {"extract": ["pending_approval deleted", "approved active"]}
    decision = only(tenant, Decision)
    assert f"{DECISIONS}?group_id={decision.group_id}" in page
    assert "1 decision taken back." in person.act(DECISIONS, "take_back", decision.id)
    assert tags(tenant)["extract"] == ["pending_approval deleted", "approved deleted", "pending_approval active"]
    # Once is enough; the reason is shown where it was asked for.
    assert "This was taken back already" in person.act(DECISIONS, "take_back", decision.id)


def test_runs_of_tasks_are_decided_as_tasks(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    again = tenant.task(execution, "extract", idx=1)
    ids = [again.id, *(task.id for task in execution_tasks(tenant))]
    assert "2 tasks rejected." in person.act(TASKS, "reject", *ids)
    assert tags(tenant) == {"extract": ["pending_approval deleted", "rejected active"], "post": ["rejected active"]}
    assert "2 tasks flagged." in person.act(TASKS, "flag", *ids)
    assert "They were so already" in person.act(TASKS, "flag", *ids)


def execution_tasks(tenant: Tenant) -> list[object]:
    from tags.models import TaskExecution

    with in_organization(tenant.id):
        return list(TaskExecution.objects.all())


def test_removed_and_restored_through_the_engine(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    tag = only(tenant, TaskTag)
    before = position(tenant)
    assert 'value="restore"' not in text(person.get(f"{TAGS}{tag.id}/change/"))
    assert "1 tag removed; its record is kept." in person.act(TAGS, "delete_selected", tag.id)
    assert 'value="restore"' in text(person.get(f"{TAGS}{tag.id}/change/"))
    assert tags(tenant) == {"extract": ["pending_approval deleted"]}
    assert position(tenant) == before + 1
    page = text(person.get(TAGS))
    assert "pending_approval" in page
    assert '<span class="badge quiet">Removed</span>' in page
    # Nothing to remove twice.
    assert "Active tags can be removed" in person.act(TAGS, "delete_selected", tag.id)
    assert "1 tag is there again, as a new record" in person.act(TAGS, "restore", tag.id)
    assert tags(tenant) == {"extract": ["pending_approval deleted", "pending_approval active"]}
    restored = only(tenant, TaskTag)
    assert restored.tag_metadata == tag.tag_metadata
    assert restored.id != tag.id
    assert "They were so already" in person.act(TAGS, "restore", tag.id)
    # The page of one tag removes it in the same way.
    answer = person.post(f"{TAGS}{restored.id}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert tags(tenant) == {"extract": ["pending_approval deleted"] * 2}


def test_nothing_is_decided_about_a_deleted_run(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    tag = only(tenant, TaskTag)
    page = person.post(f"{FLOW_EXECUTIONS}{execution.id}/delete/", {"post": "yes"})
    assert page.status_code == 302
    assert '<span class="badge quiet">Deleted</span>' in text(person.get(FLOW_EXECUTIONS))
    delete_flow_execution(tenant.id, tenant.actor, execution.id)
    before = tags(tenant), position(tenant)
    for action in ("approve", "restore", "delete_selected"):
        person.act(TAGS, action, tag.id)
    assert "A flow execution is not there any more" in person.act(TAGS, "approve", tag.id)
    assert (tags(tenant), position(tenant)) == before


def test_what_is_not_on_the_page_is_never_acted_on(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    tag = only(tenant, TaskTag)
    every = {"action": "delete_selected", "_selected_action": str(tag.id), "select_across": "1"}
    answer = person.post(TAGS, every, TAGS)
    assert "Choose them on the page" in text(person.get(answer["Location"]))
    assert tags(tenant) == {"extract": ["pending_approval active"]}
    many = {"action": "approve", "_selected_action": ["not an id"]}
    assert person.post(TAGS, many, TAGS).status_code == 400
    assert person.post(TAGS, {"action": "destroy", "_selected_action": str(tag.id)}, TAGS).status_code == 302
    assert tags(tenant) == {"extract": ["pending_approval active"]}


def test_the_history_is_the_streams(tenant: Tenant, person: Person, execution: FlowExecution) -> None:
    tag = only(tenant, TaskTag)
    put_on(tenant, execution, "extract", "<script>alert(1)</script>")
    tenant.api().patch(f"/api/flow-executions/{execution.id}/status?status=completed")
    of_tag = text(person.get(f"{TAGS}{tag.id}/history/"))
    assert of_tag.count("Tag added") == 1
    assert tenant.reviewer.username in of_tag
    task = execution_tasks(tenant)[0]
    of_task = text(person.get(f"{TASKS}{task.id}/history/"))
    assert "Task execution reported" in of_task
    assert "<script>alert" not in of_task
    of_execution = text(person.get(f"{FLOW_EXECUTIONS}{execution.id}/history/"))
    assert "Flow execution changed" in of_execution
    assert "Tag added" not in of_execution


def test_nothing_else_is_written_by_hand(
    tenant: Tenant, person: Person, execution: FlowExecution, owner: psycopg.Connection
) -> None:
    tag, before = only(tenant, TaskTag), position(tenant)
    for path in (f"{TAGS}add/", f"{TASKS}add/", "/admin/tags/event/add/", f"{DECISIONS}add/", f"{FLOW_EXECUTIONS}add/"):
        assert person.get(path).status_code == 403
    assert person.post(f"{TAGS}{tag.id}/change/", {"tag": "mine", "status": "deleted"}).status_code == 403
    assert tags(tenant) == {"extract": ["pending_approval active"]}
    assert position(tenant) == before

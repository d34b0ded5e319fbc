"""The batch engine, one rule a test; the state machine beside it tries the combinations."""

from datetime import datetime

import pytest
from django.utils import timezone

from tags.actions.batch import MAX_OPERATIONS, Operation, apply_batch
from tags.db.tenancy import in_organization
from tags.models import SYSTEM, Actor, Event, FlowExecution, TagStatus, TaskTag
from tags.models.ids import uuid7
from tests.actions.tagging import (
    ADD,
    ADDED,
    ALREADY_EXISTS,
    NOT_FOUND,
    REMOVE,
    REMOVED,
    TaskTagsApi,
    add,
    all_tags,
    apply,
    fields,
    remove,
    stored,
    tag_events,
)
from tests.cast import Tenant


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


# Order: each operation sees what the ones before it did.


def test_add_remove_and_add_again_in_one_batch_leaves_one_active_and_one_deleted_record(
    tenant: Tenant, execution: FlowExecution
) -> None:
    tag = (execution.id, "extract", "approved", "review", {"by": "x"})
    before = positions(tenant)

    outcomes = apply_batch(
        [Operation(ADD, *tag), Operation(REMOVE, *tag), Operation(ADD, *tag)], tenant.actor, tenant.id
    )

    assert outcomes == [ADDED, REMOVED, ADDED]
    with in_organization(tenant.id):
        assert sorted(TaskTag.all_objects.values_list("status", flat=True)) == [TagStatus.ACTIVE, TagStatus.DELETED]
        types = Event.objects.filter(position__gt=before[-1]).order_by("position").values_list("type", flat=True)
        assert list(types) == ["task_tag.added", "task_tag.removed", "task_tag.added"]
    assert positions(tenant) == [*before, before[-1] + 1, before[-1] + 2, before[-1] + 3]


def test_a_tag_named_twice_in_a_batch_is_added_once(tenant: Tenant, execution: FlowExecution) -> None:
    assert apply(tenant, add(execution), add(execution)) == [ADDED, ALREADY_EXISTS]


def test_a_stored_tag_removed_twice_in_a_batch_is_removed_once(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))

    assert apply(tenant, remove(execution), remove(execution)) == [REMOVED, NOT_FOUND]


def test_a_stored_tag_is_removed_and_added_again_in_one_batch(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))

    assert apply(tenant, remove(execution), add(execution)) == [REMOVED, ADDED]
    assert [tag.status for tag in all_tags(tenant)] == [TagStatus.DELETED, TagStatus.ACTIVE]


def test_repeating_a_batch_of_additions_changes_nothing_more(tenant: Tenant, execution: FlowExecution) -> None:
    batch = [add(execution, tag=str(index)) for index in range(5)]
    apply(tenant, *batch)
    before = stored(tenant)

    assert apply(tenant, *batch) == [ALREADY_EXISTS] * 5
    assert stored(tenant) == before


def test_a_hundred_operations_over_fifty_flow_executions_get_their_outcomes_in_order(tenant: Tenant) -> None:
    executions = [tenant.execution("extract", "pay") for _ in range(MAX_OPERATIONS // 2)]
    half = [add(execution, task_name="pay") for execution in executions[::2]]
    apply(tenant, *half)

    outcomes = apply(tenant, *(add(e, task_name=name) for e in executions for name in ("extract", "pay")))

    assert outcomes == [ADDED, ALREADY_EXISTS, ADDED, ADDED] * (MAX_OPERATIONS // 4)


# Records.


def test_what_is_added_again_is_a_new_record_and_the_old_one_stays_as_it_was(
    tenant: Tenant, execution: FlowExecution
) -> None:
    apply(tenant, add(execution))
    apply(tenant, remove(execution), actor=SYSTEM)
    (old,) = all_tags(tenant)

    apply(tenant, add(execution))

    again, new = all_tags(tenant)
    assert fields(again) == fields(old)
    assert (new.status, new.updated_at) == (TagStatus.ACTIVE, None)
    assert new.id != old.id


def test_a_removed_record_tells_who_removed_it_and_when(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution), actor=SYSTEM)
    begun = timezone.now()
    apply(tenant, remove(execution), actor=Actor("service_account", uuid7(), "integration"))

    (tag,) = all_tags(tenant)
    assert (tag.status, tag.modified_by) == (TagStatus.DELETED, "integration")
    assert tag.created_at < begun <= tag.updated_at <= timezone.now()


def test_a_record_added_and_removed_in_one_batch_tells_both_times(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution), remove(execution))

    (tag,) = all_tags(tenant)
    assert (tag.status, tag.modified_by) == (TagStatus.DELETED, tenant.actor.label)
    assert tag.updated_at == tag.created_at


# Events.


def test_operations_that_change_nothing_record_no_event(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))
    before = stored(tenant)

    assert apply(tenant, add(execution), remove(execution, tag="never was")) == [ALREADY_EXISTS, NOT_FOUND]
    assert stored(tenant) == before


def test_an_event_of_an_addition_holds_the_tag_as_get_shows_it(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution, json='{"b": [1, 2.50, null], "a": {"é": true}}'))

    assert [event.data for event in tag_events(tenant)] == TaskTagsApi(tenant, execution).get()


def test_an_event_of_a_removal_holds_the_tag_as_it_is_stored_now(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution, json='{"a": 1}'))
    (shown,) = TaskTagsApi(tenant, execution).get()
    apply(tenant, remove(execution, json='{"a": 1.0}'), actor=SYSTEM)

    (tag,) = all_tags(tenant)
    _, removal = tag_events(tenant)
    assert datetime.fromisoformat(removal.data["updated_at"]) == tag.updated_at
    assert removal.data == {
        **shown,
        "status": "deleted",
        "updated_at": removal.data["updated_at"],
        "modified_by": "system",
    }


def test_an_event_names_the_flow_execution_and_the_task_of_its_tag(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution), remove(execution))

    names = [(event.flow_execution_id, event.task_name) for event in tag_events(tenant)]
    assert names == [(execution.id, "extract")] * 2


def test_an_event_keeps_what_the_tag_was_when_it_happened(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution), remove(execution))

    assert [event.data["status"] for event in tag_events(tenant)] == ["active", "deleted"]


def test_the_events_of_a_batch_share_batch_actor_request_and_time(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution), remove(execution), add(execution))

    shared = {(event.batch_id, event.actor, event.request_id, event.time) for event in tag_events(tenant)}
    ((_, actor, request_id, _),) = shared
    assert (actor, request_id) == (f"user:{tenant.reviewer.id}", "test")


def test_each_batch_has_an_id_of_its_own(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))
    apply(tenant, remove(execution))

    one, other = tag_events(tenant)
    assert one.batch_id != other.batch_id


def positions(tenant: Tenant) -> list[int]:
    with in_organization(tenant.id):
        return list(Event.objects.order_by("position").values_list("position", flat=True))

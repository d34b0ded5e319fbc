"""The batch engine, one rule a test; the state machine beside it tries the combinations."""

import pytest

from tags.actions.batch import Operation, OperationKind, Outcome, apply_batch
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import Event, TagStatus, TaskTag
from tags.models.ids import uuid7
from tests.cast import Tenant

ADD, REMOVE = OperationKind.ADD, OperationKind.REMOVE


def test_add_remove_and_add_again_in_one_batch_leaves_one_active_and_one_deleted_record(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tag = (execution.id, "extract", "approved", "review", {"by": "x"})
    before = positions(tenant)

    outcomes = apply_batch(
        [Operation(ADD, *tag), Operation(REMOVE, *tag), Operation(ADD, *tag)], tenant.actor, tenant.id
    )

    assert outcomes == [Outcome.ADDED, Outcome.REMOVED, Outcome.ADDED]
    with in_organization(tenant.id):
        assert sorted(TaskTag.all_objects.values_list("status", flat=True)) == [TagStatus.ACTIVE, TagStatus.DELETED]
        types = Event.objects.filter(position__gt=before[-1]).order_by("position").values_list("type", flat=True)
        assert list(types) == ["task_tag.added", "task_tag.removed", "task_tag.added"]
    assert positions(tenant) == [*before, before[-1] + 1, before[-1] + 2, before[-1] + 3]


def test_a_batch_with_one_unknown_task_changes_nothing(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = positions(tenant)

    with pytest.raises(NotFound) as caught:
        apply_batch(
            [
                Operation(ADD, execution.id, "extract", "approved", "review"),
                Operation(ADD, execution.id, "pay", "approved", "review"),
                Operation(ADD, uuid7(), "extract", "approved", "review"),
            ],
            tenant.actor,
            tenant.id,
        )

    assert [entry["loc"] for entry in caught.value.details] == [
        ["body", "tags", 1, "task_name"],
        ["body", "tags", 2, "flow_execution_id"],
    ]
    assert positions(tenant) == before
    with in_organization(tenant.id):
        assert not TaskTag.all_objects.exists()


def positions(tenant: Tenant) -> list[int]:
    with in_organization(tenant.id):
        return list(Event.objects.order_by("position").values_list("position", flat=True))

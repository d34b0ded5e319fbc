"""The batch engine, one rule a test; the state machine beside it tries the combinations."""

import json as stdlib_json
import select
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg import pq

from tags.actions.batch import MAX_OPERATIONS, Operation, OperationKind, Outcome, apply_batch
from tags.actions.flow_executions import delete_flow_execution
from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import SYSTEM, Actor, Event, FlowExecution, TagStatus, TaskTag
from tags.models.ids import uuid7
from tests.cast import Tenant

ADD, REMOVE = OperationKind.ADD, OperationKind.REMOVE
ADDED, ALREADY_EXISTS, REMOVED, NOT_FOUND = Outcome


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


def test_an_empty_batch_changes_nothing(tenant: Tenant) -> None:
    before = stored(tenant)

    assert apply(tenant) == []
    assert stored(tenant) == before


# Identity: what makes a tag the same tag.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": {"c": 2, "d": 3}}', '{"b":{"d":3,"c":2},"a":1}'),
        ("1", "1.0"),
        ("1", "1e0"),
        ("100", "1E+2"),
        ("0", "-0"),
        ("0", "-0.0"),
        ("0.1", "0.10"),
        ("0.1", "1e-1"),
        ("9007199254740993", "9007199254740993.0"),
        ("0.12345678901234567890123456789012345", "0.123456789012345678901234567890123450"),
        ("[1, 2.0]", "[1.0, 2]"),
        (r'"\u00e9"', '"é"'),
        (r'"\ud83d\ude00"', '"😀"'),
        (r'"\/"', '"/"'),
    ],
)
def test_two_notations_of_a_json_value_are_the_same_metadata(
    tenant: Tenant, execution: FlowExecution, one: str, other: str
) -> None:
    assert apply(tenant, add(execution, json=one)) == [ADDED]
    assert apply(tenant, add(execution, json=other)) == [ALREADY_EXISTS]
    assert apply(tenant, remove(execution, json=other)) == [REMOVED]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9007199254740992", "9007199254740993"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345679"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ("0.12345678901234567890123456789012345", "0.12345678901234567890123456789012346"),
        ("1234567890123456789012345678901234567.5", "1234567890123456789012345678901234567.6"),
        ("1", "-1"),
        ("1", "true"),
        ("0", "false"),
        ("1", '"1"'),
        ("null", '""'),
        ("null", '"null"'),
        ("null", "false"),
        ("null", "0"),
        ("null", "[]"),
        ("null", "{}"),
        ("[]", "{}"),
        ("[1, 2]", "[2, 1]"),
        ("[1]", "1"),
        ('{"a": null}', "{}"),
        ('{"a": 1}', '{"A": 1}'),
        ('"a"', '"A"'),
        ('"é"', r'"e\u0301"'),
        ('"a"', '"a "'),
    ],
)
def test_two_different_json_values_make_two_tags(
    tenant: Tenant, execution: FlowExecution, one: str, other: str
) -> None:
    assert apply(tenant, add(execution, json=one), add(execution, json=other)) == [ADDED, ADDED]
    assert apply(tenant, add(execution, json=one), add(execution, json=other)) == [ALREADY_EXISTS] * 2
    assert apply(tenant, remove(execution, json=one)) == [REMOVED]
    (left,) = TaskTagsApi(tenant, execution).get()
    assert left["tag_metadata"] == exact(other)


def test_absent_metadata_is_null(tenant: Tenant, execution: FlowExecution) -> None:
    assert apply(tenant, add(execution)) == [ADDED]
    assert apply(tenant, add(execution, json="null")) == [ALREADY_EXISTS]


@pytest.mark.parametrize(
    "text",
    [
        "0.1000000000000000055511151231257827021181583404541015625",
        "123456789012345678901234567890123456789",
        "1234567890123456789012345678901234567.5",
        "1e-40",
        '{"deep": [{"er": [0.30000000000000000000000000000000000001]}]}',
    ],
)
def test_metadata_comes_back_with_every_digit(tenant: Tenant, execution: FlowExecution, text: str) -> None:
    apply(tenant, add(execution, json=text))

    (tag,) = TaskTagsApi(tenant, execution).get()
    assert tag["tag_metadata"] == exact(text)


@pytest.mark.parametrize("field", ["tag", "tag_type"])
def test_names_are_case_sensitive(tenant: Tenant, execution: FlowExecution, field: str) -> None:
    assert apply(tenant, add(execution, **{field: "ok"}), add(execution, **{field: "OK"})) == [ADDED, ADDED]


def test_task_names_are_case_sensitive(tenant: Tenant, execution: FlowExecution) -> None:
    with pytest.raises(NotFound):
        apply(tenant, add(execution, task_name="Extract"))


def test_the_same_names_on_another_task_or_flow_execution_are_another_tag(tenant: Tenant) -> None:
    one, other = tenant.execution("extract", "pay"), tenant.execution("extract")

    assert apply(tenant, add(one), add(one, task_name="pay"), add(other)) == [ADDED] * 3


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


# Refused batches.


def test_a_batch_with_one_unknown_task_changes_nothing(tenant: Tenant, execution: FlowExecution) -> None:
    before = stored(tenant)

    with pytest.raises(NotFound) as caught:
        apply(tenant, add(execution), add(execution, task_name="pay"), add(uuid7()))

    assert [entry["loc"] for entry in caught.value.details] == [
        ["body", "tags", 1, "task_name"],
        ["body", "tags", 2, "flow_execution_id"],
    ]
    assert stored(tenant) == before


def test_a_deleted_flow_execution_is_not_found(tenant: Tenant, execution: FlowExecution) -> None:
    apply(tenant, add(execution))
    delete_flow_execution(tenant.id, tenant.actor, execution.id)
    before = stored(tenant)

    for operation in (add(execution), remove(execution)):
        with pytest.raises(NotFound):
            apply(tenant, operation)
    assert stored(tenant) == before


def test_a_foreign_flow_execution_is_refused_in_the_words_for_one_that_never_was(
    tenant: Tenant, neighbour: Tenant
) -> None:
    foreign = neighbour.execution("extract")
    refusals = []
    for execution_id in (foreign.id, uuid7()):
        with pytest.raises(NotFound) as caught:
            apply(tenant, add(execution_id))
        refusals.append((caught.value.message, caught.value.details))

    assert refusals[0] == refusals[1]
    assert all_tags(neighbour) == []


# Failures: a batch that fails anywhere leaves no trace.

STATEMENTS = ["FROM flow_execution", "task_execution", "UPDATE task_tag", "INSERT INTO task_tag", "INSERT INTO event"]


@pytest.fixture
def batch(tenant: Tenant, execution: FlowExecution) -> list[Operation]:
    """One that needs every statement there is."""
    apply(tenant, add(execution, tag="old"))
    return [remove(execution, tag="old"), add(execution, tag="new")]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_batch_leaves_no_trace_when_the_database_refuses_a_statement_of_it(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    before = stored(tenant)

    with connection.execute_wrapper(refusing(statement)), pytest.raises(DatabaseError):
        apply(tenant, *batch)

    assert stored(tenant) == before
    assert apply(tenant, *batch) == [REMOVED, ADDED]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_batch_leaves_no_trace_when_we_fail_right_after_a_statement_of_it(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    before = stored(tenant)

    def fail(execute: Any, sql: str, *more: Any) -> Any:
        result = execute(sql, *more)
        if statement in sql:
            raise RuntimeError("planted")
        return result

    with connection.execute_wrapper(fail), pytest.raises(RuntimeError, match="planted"):
        apply(tenant, *batch)

    assert stored(tenant) == before
    assert apply(tenant, *batch) == [REMOVED, ADDED]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_failed_batch_leaves_its_connection_fit_for_the_next(
    tenant: Tenant, batch: list[Operation], statement: str
) -> None:
    """In the pool it would meet another thread, while this one is still in its pipeline."""
    mine = connection.connection

    with connection.execute_wrapper(refusing(statement, wait=True)), pytest.raises(DatabaseError):
        apply(tenant, *batch)

    assert connection.connection is mine, "it was put back into the pool in the middle of the batch"
    assert mine.pgconn.pipeline_status == pq.PipelineStatus.OFF
    assert mine.pgconn.transaction_status == pq.TransactionStatus.IDLE


# Inside a caller's transaction.


def test_a_batch_joins_a_transaction_of_its_organization(tenant: Tenant, execution: FlowExecution) -> None:
    before = stored(tenant)

    with pytest.raises(RuntimeError, match="the caller's"), in_organization(tenant.id):
        assert apply(tenant, add(execution)) == [ADDED]
        raise RuntimeError("the caller's")

    assert stored(tenant) == before


def test_a_batch_refuses_a_transaction_of_another_organization(
    tenant: Tenant, neighbour: Tenant, execution: FlowExecution
) -> None:
    with in_organization(neighbour.id), pytest.raises(RuntimeError, match="one organization"):
        apply(tenant, add(execution))

    assert all_tags(tenant) == []


def test_a_batch_refuses_a_transaction_that_named_no_organization(tenant: Tenant, execution: FlowExecution) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="one organization"):
        apply(tenant, add(execution))

    assert all_tags(tenant) == []


def test_an_organization_is_left_behind_with_its_transaction(tenant: Tenant, neighbour: Tenant) -> None:
    with in_organization(tenant.id):
        pass
    with in_organization(neighbour.id):
        assert set(Event.objects.values_list("organization_id", flat=True)) <= {neighbour.id}
    with transaction.atomic():
        assert not Event.objects.exists()


def test_an_organization_is_left_behind_also_when_its_transaction_fails(tenant: Tenant) -> None:
    with pytest.raises(RuntimeError, match="planted"), in_organization(tenant.id):
        raise RuntimeError("planted")

    with transaction.atomic(), pytest.raises(RuntimeError, match="one organization"), in_organization(tenant.id):
        pass


# The last guard, below the engine.


def test_the_database_itself_refuses_a_second_active_record_of_a_tag(
    tenant: Tenant, execution: FlowExecution, owner: psycopg.Connection[Any]
) -> None:
    apply(tenant, add(execution))
    columns = "organization_id, flow_execution_id, task_name, tag, tag_type, metadata_digest, created_at, modified_by"

    with pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute(
            f"INSERT INTO task_tag (id, status, {columns})"
            f" SELECT gen_random_uuid(), 'active', {columns} FROM task_tag WHERE organization_id = %s",
            [tenant.id],
        )


def apply(tenant: Tenant, *operations: Operation, actor: Actor | None = None) -> list[Outcome]:
    return apply_batch(operations, actor or tenant.actor, tenant.id)


def add(execution: FlowExecution | UUID, **fields: Any) -> Operation:
    return _operation(ADD, execution, **fields)


def remove(execution: FlowExecution | UUID, **fields: Any) -> Operation:
    return _operation(REMOVE, execution, **fields)


def _operation(
    kind: OperationKind,
    execution: FlowExecution | UUID,
    task_name: str = "extract",
    tag: str = "approved",
    tag_type: str = "review",
    json: str | None = None,
) -> Operation:
    """`json` is the metadata as the text that a client sends."""
    names = (execution if isinstance(execution, UUID) else execution.id, task_name, tag, tag_type)
    return Operation(kind, *names) if json is None else Operation(kind, *names, exact_json.loads(json))


def refusing(text: str, wait: bool = False) -> Callable[..., Any]:
    """The server refuses each statement with the text; `wait` for its refusal to arrive before anything else is sent."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if text not in sql:
            return execute(sql, params, many, context)
        result = execute("SELECT 1 / 0", None, many, context)
        if wait:
            select.select([connection.connection], [], [], 10)
        return result

    return refuse


def exact(text: str) -> Any:
    """A JSON value with its numbers as Decimals, read by nothing of ours."""
    return stdlib_json.loads(text, parse_int=Decimal, parse_float=Decimal)


class TaskTagsApi:
    """GET /api/task-tags for a flow execution."""

    def __init__(self, tenant: Tenant, execution: FlowExecution) -> None:
        self.api, self.execution = tenant.api(), execution

    def get(self) -> Any:
        return exact(self.api.get("/api/task-tags", flow_execution_id=self.execution.id).content.decode())


def all_tags(tenant: Tenant) -> list[TaskTag]:
    """Deleted ones too, in the order in which they were added."""
    with in_organization(tenant.id):
        return list(TaskTag.all_objects.order_by("id"))


def tag_events(tenant: Tenant) -> list[Event]:
    with in_organization(tenant.id):
        return list(Event.objects.filter(type__startswith="task_tag.").order_by("position"))


def fields(record: TaskTag | Event) -> dict[str, Any]:
    return {field.attname: getattr(record, field.attname) for field in record._meta.concrete_fields}


def stored(tenant: Tenant) -> Any:
    """All that a batch could change."""
    with in_organization(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT position FROM event_stream WHERE organization_id = %s", [tenant.id])
        counter = cursor.fetchone()
        records = [*TaskTag.all_objects.order_by("id"), *Event.objects.order_by("position")]
        return counter, [fields(record) for record in records]


def positions(tenant: Tenant) -> list[int]:
    with in_organization(tenant.id):
        return list(Event.objects.order_by("position").values_list("position", flat=True))

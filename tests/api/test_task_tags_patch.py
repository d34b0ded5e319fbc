"""PATCH /api/task-tags: add or remove task tags in batch."""

import json
from threading import Timer
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.http import HttpResponse
from psycopg import Connection

from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID, active_tags, bad_request, invalid, not_found, places, position
from tests.api.patience import within
from tests.cast import Tenant, operation
from tests.database import OWNER_URL

WIDEST = "\U0001f680"  # four bytes in UTF-8, one character


def statuses(response: HttpResponse) -> list[str]:
    assert response.status_code == 200, response.content
    return [entry["status"] for entry in response.json()["tags"]]


def stored(owner: Connection, tenant: Tenant) -> list[tuple[Any, ...]]:
    """Every tag ever: tag, status, updated_at, modified_by, the oldest first."""
    statement = "SELECT tag, status, updated_at, modified_by FROM task_tag WHERE organization_id = %s ORDER BY id"
    return owner.execute(statement, [tenant.id]).fetchall()


def test_a_new_tag_is_added(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    assert statuses(tenant.api().tag(operation("add", execution, "extract", "approved"))) == ["added"]
    assert [tag["tag"] for tag in active_tags(tenant, execution.id)] == ["approved"]


def test_a_tag_that_is_active_already_exists_and_nothing_changes(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    add = operation("add", execution, "extract", "approved")
    tenant.api().tag(add)
    before, tags = position(tenant), active_tags(tenant, execution.id)

    assert statuses(tenant.api().tag(add)) == ["already_exists"]

    assert position(tenant) == before
    assert active_tags(tenant, execution.id) == tags


def test_a_removed_tag_is_kept_as_deleted_with_the_time_and_who_removed_it(tenant: Tenant, owner: Connection) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "approved"))

    assert statuses(tenant.api("reviewer").tag(operation("remove", execution, "extract", "approved"))) == ["removed"]

    ((tag, status, updated_at, modified_by),) = stored(owner, tenant)
    assert (tag, status, modified_by) == ("approved", "deleted", str(tenant.reviewer.id))
    assert updated_at is not None
    assert active_tags(tenant, execution.id) == []


def test_removing_what_is_not_active_is_not_found_and_nothing_changes(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    assert statuses(tenant.api().tag(operation("remove", execution, "extract", "approved"))) == ["not_found"]
    assert position(tenant) == before


def test_adding_again_what_was_removed_makes_a_new_record_and_leaves_the_old_one(
    tenant: Tenant, owner: Connection
) -> None:
    execution = tenant.execution("extract")
    add, remove = (operation(kind, execution, "extract", "approved") for kind in ("add", "remove"))
    tenant.api().tag(add)
    tenant.api().tag(remove)
    deleted = stored(owner, tenant)

    assert statuses(tenant.api().tag(add)) == ["added"]

    assert stored(owner, tenant)[:1] == deleted
    assert [row[1] for row in stored(owner, tenant)] == ["deleted", "active"]


def test_operations_apply_in_order_each_seeing_the_ones_before(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    add, remove = (operation(kind, execution, "extract", "approved") for kind in ("add", "remove"))
    response = tenant.api().tag(remove, add, add, remove, remove, add)
    assert statuses(response) == ["not_found", "added", "already_exists", "removed", "not_found", "added"]


def test_operations_may_name_different_flow_executions_and_tasks(tenant: Tenant) -> None:
    first, second = tenant.execution("extract", "pay"), tenant.execution("extract")
    response = tenant.api().tag(
        operation("add", first, "extract", "a"),
        operation("add", second, "extract", "a"),
        operation("add", first, "pay", "a"),
    )
    assert statuses(response) == ["added"] * 3
    assert {tag["task_name"] for tag in active_tags(tenant, first.id)} == {"extract", "pay"}
    assert len(active_tags(tenant, second.id)) == 1


@pytest.mark.parametrize(
    ("field", "other"),
    [("tag", "Approved"), ("tag_type", "Review"), ("tag_metadata", {"by": "Ada"}), ("tag_metadata", None)],
)
def test_a_difference_in_any_part_of_the_identity_makes_a_different_tag(tenant: Tenant, field: str, other: Any) -> None:
    execution = tenant.execution("extract")
    add = operation("add", execution, "extract", "approved", tag_metadata={"by": "ada"})
    assert statuses(tenant.api().tag(add, {**add, field: other})) == ["added", "added"]


def test_task_names_are_case_sensitive(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "Extract")
    operations = [operation("add", execution, name, "approved") for name in ("extract", "Extract")]
    assert statuses(tenant.api().tag(*operations)) == ["added", "added"]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ('{"a":1,"b":[true,null]}', '{ "b" : [ true , null ] , "a" : 1 }'),
        ("1", "1.0"),
        ("100", "1e2"),
        ("0", "-0.0"),
        ("0.1", "0.10"),
        ('"\\u00e9"', '"é"'),
        ("{}", "{ }"),
    ],
)
def test_metadata_that_is_the_same_json_value_is_the_same_tag(tenant: Tenant, one: str, same: str) -> None:
    execution = tenant.execution("extract")
    assert statuses(with_metadata(tenant, execution.id, one, same)) == ["added", "already_exists"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "true"),
        ("0", "false"),
        ("1", '"1"'),
        ("null", "false"),
        ("{}", "[]"),
        ("[1,2]", "[2,1]"),
        ("0.1", "0.1000000000000000055"),
        ("9007199254740993", "9007199254740992"),
        ('"é"', '"e\\u0301"'),
    ],
)
def test_metadata_that_is_another_json_value_is_another_tag(tenant: Tenant, one: str, other: str) -> None:
    execution = tenant.execution("extract")
    assert statuses(with_metadata(tenant, execution.id, one, other)) == ["added", "added"]


def with_metadata(tenant: Tenant, execution_id: Any, *texts: str) -> HttpResponse:
    """One batch that adds the same tag with each of these JSON texts as its metadata."""
    plain = json.dumps(operation("add", execution_id, "extract", "approved"))
    operations = ",".join(f'{plain[:-1]}, "tag_metadata": {text}}}' for text in texts)
    return tenant.api().patch("/api/task-tags", f'{{"tags": [{operations}]}}')


def test_absent_metadata_means_null(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    add = operation("add", execution, "extract", "approved")
    assert statuses(tenant.api().tag(add, {**add, "tag_metadata": None})) == ["added", "already_exists"]


@pytest.mark.parametrize("text", ["null", "true", "7", '"x"', "[]", "{}", '{"a": [1, {"b": null}]}', "0.1", "1e-300"])
def test_metadata_may_be_any_json_value(tenant: Tenant, text: str) -> None:
    execution = tenant.execution("extract")
    assert statuses(with_metadata(tenant, execution.id, text)) == ["added"]
    assert [tag["tag_metadata"] for tag in active_tags(tenant, execution.id)] == [json.loads(text)]


@pytest.mark.parametrize(
    "number", ["0.1234567890123456789012345678901234567890", "12345678901234567890123456789012345678901234567890"]
)
def test_metadata_numbers_come_back_to_the_last_digit(tenant: Tenant, number: str) -> None:
    execution = tenant.execution("extract")
    assert statuses(with_metadata(tenant, execution.id, number)) == ["added"]
    response = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id))
    assert number.rstrip("0").encode() in response.content


@pytest.mark.parametrize("size", [1, 100])
def test_a_batch_has_one_to_a_hundred_operations(tenant: Tenant, size: int) -> None:
    execution = tenant.execution("extract")
    operations = [operation("add", execution, "extract", f"tag {number}") for number in range(size)]
    assert statuses(tenant.api().tag(*operations)) == ["added"] * size


def test_as_much_metadata_as_a_body_can_hold_is_stored_without_hanging(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    for number in range(5):
        with within(20):
            metadata = str(number) + "x" * (2**20 - 300)
            assert statuses(tenant.api().tag(operation("add", execution, "extract", "a", tag_metadata=metadata))) == [
                "added"
            ]
    assert len(active_tags(tenant, execution.id)) == 5


@pytest.mark.parametrize("attempt", range(3))
def test_a_large_batch_that_has_to_wait_in_the_database_goes_through(tenant: Tenant, attempt: int) -> None:
    """The server does not read on while it waits, so a pipeline's statements do not fit into the socket at once."""
    execution = tenant.execution("extract")
    connection.close()
    connection.close_pool()  # a new connection has nothing prepared: it locks the table before it has read the values
    tenant.api().get("/api/profile/me")
    holder = psycopg.connect(OWNER_URL)
    holder.execute("LOCK TABLE task_tag IN SHARE MODE")
    release = Timer(0.5, holder.close)
    release.start()
    with within(20):
        response = tenant.api().tag(operation("add", execution, "extract", "a", tag_metadata="x" * 900_000))
    release.join()
    assert statuses(response) == ["added"]


def test_a_hundred_operations_of_the_longest_texts_are_applied_without_hanging(tenant: Tenant) -> None:
    execution = tenant.execution(WIDEST * 200)
    texts = [f"{number:03}" + WIDEST * 197 for number in range(100)]
    with within(20):
        operations = [
            operation("add", execution, WIDEST * 200, text, tag_type=WIDEST * 100, tag_metadata="x" * 6_000)
            for text in texts
        ]
        body = json.dumps({"tags": operations}, ensure_ascii=False)
        assert statuses(tenant.api().patch("/api/task-tags", body)) == ["added"] * 100


@pytest.mark.parametrize("size", [0, 101])
def test_a_batch_of_another_size_is_out_of_bounds(tenant: Tenant, size: int) -> None:
    execution = tenant.execution("extract")
    operations = [operation("add", execution, "extract", f"tag {number}") for number in range(size)]
    assert places(invalid(tenant.api().tag(*operations))) == [["body", "tags"]]


@pytest.mark.parametrize(("field", "most"), [("tag", 200), ("tag_type", 100)])
@pytest.mark.parametrize("character", ["x", WIDEST])
def test_a_text_may_have_as_many_characters_as_the_contract_says_whatever_their_bytes(
    tenant: Tenant, field: str, most: int, character: str
) -> None:
    execution = tenant.execution("extract")
    add = {**operation("add", execution, "extract", "approved"), field: character * most}
    assert statuses(tenant.api().tag(add)) == ["added"]
    assert active_tags(tenant, execution.id)[0][field] == character * most


def test_a_task_name_may_have_two_hundred_characters(tenant: Tenant) -> None:
    execution = tenant.execution(WIDEST * 200)
    assert statuses(tenant.api().tag(operation("add", execution, WIDEST * 200, "approved"))) == ["added"]


@pytest.mark.parametrize(("field", "most"), [("task_name", 200), ("tag", 200), ("tag_type", 100)])
@pytest.mark.parametrize("character", ["x", WIDEST])
def test_one_character_more_is_out_of_bounds(tenant: Tenant, field: str, most: int, character: str) -> None:
    execution = tenant.execution("extract")
    add = {**operation("add", execution, "extract", "approved"), field: character * (most + 1)}
    assert places(invalid(tenant.api().tag(add))) == [["body", "tags", 0, field]]


@pytest.mark.parametrize("field", ["task_name", "tag", "tag_type"])
def test_an_empty_text_is_out_of_bounds(tenant: Tenant, field: str) -> None:
    execution = tenant.execution("extract")
    add = {**operation("add", execution, "extract", "approved"), field: ""}
    assert places(invalid(tenant.api().tag(add))) == [["body", "tags", 0, field]]


@pytest.mark.parametrize("field", ["task_name", "tag", "tag_type"])
@pytest.mark.parametrize("value", [None, 7, True, [], {}])
def test_a_text_of_another_json_type_is_out_of_bounds(tenant: Tenant, field: str, value: Any) -> None:
    execution = tenant.execution("extract")
    add = {**operation("add", execution, "extract", "approved"), field: value}
    assert places(invalid(tenant.api().tag(add))) == [["body", "tags", 0, field]]


@pytest.mark.parametrize("field", ["operation", "flow_execution_id", "task_name", "tag", "tag_type"])
def test_a_missing_required_field_is_not_understood(tenant: Tenant, field: str) -> None:
    execution = tenant.execution("extract")
    add = operation("add", execution, "extract", "approved")
    del add[field]
    assert places(bad_request(tenant.api().tag(add))) == [["body", "tags", 0, field]]


@pytest.mark.parametrize("value", ["replace", "ADD", "", None, 1])
def test_an_operation_other_than_add_and_remove_is_not_understood(tenant: Tenant, value: Any) -> None:
    execution = tenant.execution("extract")
    add = {**operation("add", execution, "extract", "approved"), "operation": value}
    assert places(bad_request(tenant.api().tag(add))) == [["body", "tags", 0, "operation"]]


@pytest.mark.parametrize("value", ["", "7", "not-a-uuid", 7, None, [], "01890000-0000-7000-8000-00000000000g"])
def test_a_flow_execution_id_that_is_no_uuid_is_not_understood(tenant: Tenant, value: Any) -> None:
    add = {**operation("add", UNKNOWN_ID, "extract", "approved"), "flow_execution_id": value}
    assert places(bad_request(tenant.api().tag(add))) == [["body", "tags", 0, "flow_execution_id"]]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"tags"', "7", '{"tags": [}', "{'tags': []}", "{}"])
def test_a_body_that_is_no_json_object_with_tags_is_not_understood(tenant: Tenant, body: str) -> None:
    bad_request(tenant.api().patch("/api/task-tags", body))


@pytest.mark.parametrize("value", [None, {}, "add", 7, {"0": {}}])
def test_tags_that_are_no_list_are_out_of_bounds(tenant: Tenant, value: Any) -> None:
    assert places(invalid(tenant.api().patch("/api/task-tags", {"tags": value}))) == [["body", "tags"]]


def test_the_place_of_each_flaw_is_named(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    good = operation("add", execution, "extract", "approved")
    error = invalid(tenant.api().tag(good, {**good, "tag": ""}, {**good, "tag_type": 7}))
    assert places(error) == [["body", "tags", 1, "tag"], ["body", "tags", 2, "tag_type"]]


def test_an_unknown_flow_execution_fails_the_whole_request(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    good, bad = (operation("add", target, "extract", "approved") for target in (execution, uuid7()))

    error = not_found(tenant.api().tag(good, bad))

    assert places(error) == [["body", "tags", 1, "flow_execution_id"]]
    assert active_tags(tenant, execution.id) == []
    assert position(tenant) == before


def test_an_unknown_task_fails_the_whole_request(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    good, bad = (operation("add", execution, task, "approved") for task in ("extract", "pay"))

    error = not_found(tenant.api().tag(good, bad))

    assert places(error) == [["body", "tags", 1, "task_name"]]
    assert active_tags(tenant, execution.id) == []
    assert position(tenant) == before


def test_removing_from_an_unknown_task_fails_too(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    not_found(tenant.api().tag(operation("remove", execution, "pay", "approved")))


def test_a_deleted_flow_execution_is_not_found(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    not_found(tenant.api().tag(operation("add", execution, "extract", "approved")))


def test_a_flow_execution_of_another_organization_is_answered_as_one_that_does_not_exist(
    tenant: Tenant, neighbour: Tenant
) -> None:
    foreign = neighbour.execution("extract")
    answers = [
        not_found(tenant.api().tag(operation("add", id, "extract", "approved"))) for id in (foreign.id, UNKNOWN_ID)
    ]
    assert answers[0] == answers[1]


def test_unknown_fields_are_ignored(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    add = operation("add", execution, "extract", "approved", status="deleted", id=str(uuid7()), colour="blue")
    response = tenant.api().patch("/api/task-tags", {"tags": [add], "comment": "hello"})
    assert statuses(response) == ["added"]


def test_a_trailing_slash_is_not_an_error(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    body = {"tags": [operation("add", execution, "extract", "approved")]}
    assert statuses(tenant.api().patch("/api/task-tags/", body)) == ["added"]


def test_a_flow_execution_id_may_have_capital_letters(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    assert statuses(tenant.api().tag(operation("add", str(execution.id).upper(), "extract", "a"))) == ["added"]
    assert active_tags(tenant, execution.id)[0]["flow_execution_id"] == str(execution.id)


def test_repeating_a_whole_request_is_safe(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    batch = [operation("add", execution, "extract", f"tag {number}") for number in range(5)]
    tenant.api().tag(*batch)
    tags = active_tags(tenant, execution.id)

    assert statuses(tenant.api().tag(*batch)) == ["already_exists"] * 5

    assert active_tags(tenant, execution.id) == tags


def test_each_change_and_only_a_change_is_an_event(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    add, remove = (operation(kind, execution, "extract", "approved") for kind in ("add", "remove"))
    tenant.api().tag(add, add, remove, remove)
    assert position(tenant) == before + 2

"""What makes a tag the same tag: its task, its names to the letter, and the value of its metadata, however written."""

import pytest

from tags.errors import NotFound
from tags.models import FlowExecution
from tests.actions.tagging import ADDED, ALREADY_EXISTS, REMOVED, TaskTagsApi, add, apply, exact, remove
from tests.cast import Tenant


@pytest.fixture(scope="module")
def tenant(django_db_setup: None) -> Tenant:
    """One for all tests of this file: each tags a flow execution of its own."""
    return Tenant.create("Acme")


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


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

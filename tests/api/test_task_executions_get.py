"""GET /api/task-executions, the list and the single record."""

from collections.abc import Iterator
from typing import Any

import pytest

from tags.models import TaskExecution
from tests.api.calls import UNKNOWN_ID, bad_request, invalid, not_found
from tests.cast import Tenant, operation

PATH = "/api/task-executions"


def listed(tenant: Tenant, **query: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = page(tenant, **query)["task_executions"]
    return records


def page(tenant: Tenant, **query: Any) -> dict[str, Any]:
    response = tenant.api("viewer").get(PATH, **query)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def names(records: list[dict[str, Any]]) -> list[str]:
    return [record["task_name"] for record in records]


def test_the_newest_comes_first(tenant: Tenant) -> None:
    tenant.execution("a", "b", "c")
    assert names(listed(tenant)) == ["c", "b", "a"]


def test_a_record_is_the_one_that_is_read_alone_with_its_tags(tenant: Tenant) -> None:
    task = tenant.task(tenant.execution(), "extract", output={"total": 1}, credits=2)
    (record,) = listed(tenant)
    assert record.pop("tags") == []
    assert record == tenant.api("viewer").get(f"{PATH}/{task.id}").json()


def test_each_record_has_the_active_tags_of_its_task(tenant: Tenant) -> None:
    execution = tenant.execution("extract", "pay")
    tenant.task(execution, "extract", idx=1)
    tenant.api().tag(
        operation("add", execution, "extract", "gone"),
        operation("remove", execution, "extract", "gone"),
        operation("add", execution, "extract", "approved", tag_metadata={"by": "ada"}),
    )
    tags = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    assert [(record["task_name"], record["tags"]) for record in listed(tenant)] == [
        ("extract", tags),
        ("pay", []),
        ("extract", tags),
    ]


def test_the_tags_of_another_execution_of_the_same_task_do_not_show(tenant: Tenant) -> None:
    execution, other = tenant.execution("extract"), tenant.execution("extract")
    tenant.api().tag(operation("add", other, "extract", "approved"))
    assert listed(tenant, flow_execution_id=str(execution.id))[0]["tags"] == []


def test_flow_execution_id_leaves_its_tasks(tenant: Tenant) -> None:
    execution = tenant.execution("a")
    tenant.execution("b")
    assert names(listed(tenant, flow_execution_id=str(execution.id))) == ["a"]


def test_filters_are_joined_by_and(tenant: Tenant) -> None:
    execution = tenant.execution("a", "b")
    again = tenant.task(execution, "a", idx=1)
    tenant.execution("a")
    found = listed(tenant, flow_execution_id=str(execution.id), task_name="a", task_execution_idx=1)
    assert [record["id"] for record in found] == [str(again.id)]


def test_index_zero_is_a_filter_too(tenant: Tenant) -> None:
    execution = tenant.execution("a")
    tenant.task(execution, "a", idx=1)
    assert [record["task_execution_idx"] for record in listed(tenant, task_execution_idx=0)] == [0]


def test_processing_status_is_a_filter(tenant: Tenant) -> None:
    execution = tenant.execution("a")
    tenant.task(execution, "b", processing_status="failed")
    assert names(listed(tenant, processing_status="failed")) == ["b"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tag": "approved"}, ["b", "a"]),
        ({"tag_type": "review"}, ["a"]),
        ({"tag": "approved", "tag_type": "review"}, ["a"]),
        ({"tag": "approved", "tag_type": "other"}, []),
        ({"tag": "Approved"}, []),
    ],
)
def test_tag_and_tag_type_leave_what_carries_one_tag_of_both(
    tenant: Tenant, query: dict[str, str], expected: list[str]
) -> None:
    execution = tenant.execution("a", "b", "c")
    tenant.api().tag(
        operation("add", execution, "a", "approved"),
        operation("add", execution, "b", "approved", tag_type="machine"),
        operation("add", execution, "b", "else", tag_type="other"),
        operation("add", execution, "c", "approved"),
        operation("remove", execution, "c", "approved"),
    )
    assert names(listed(tenant, **query)) == expected


@pytest.mark.parametrize("query", [{"flow_execution_id": UNKNOWN_ID}, {"task_name": "nothing"}, {"tag": "nothing"}])
def test_filters_that_match_nothing_give_an_empty_list(tenant: Tenant, query: dict[str, str]) -> None:
    tenant.execution("a")
    assert page(tenant, **query) == {"task_executions": [], "next_cursor": None}


def test_another_organizations_tasks_do_not_show(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.execution("a")
    assert listed(tenant) == listed(tenant, flow_execution_id=str(foreign.id)) == []


def test_the_tasks_of_a_deleted_flow_execution_do_not_show(tenant: Tenant) -> None:
    execution = tenant.execution("a")
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    assert listed(tenant) == listed(tenant, flow_execution_id=str(execution.id)) == []


@pytest.mark.parametrize("value", ["", "x", "7"])
def test_a_flow_execution_id_that_is_no_uuid_is_not_understood(tenant: Tenant, value: str) -> None:
    bad_request(tenant.api().get(PATH, flow_execution_id=value))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "x"},
        {"limit": -1},
        {"cursor": "nonsense"},
        {"cursor": ""},
        {"task_execution_idx": -1},
        {"task_execution_idx": 2**31},
        {"processing_status": "finished"},
        {"task_name": ""},
        {"tag": "x" * 201},
        {"tag_type": "x" * 101},
    ],
)
def test_a_parameter_out_of_bounds_is_refused_with_its_place(tenant: Tenant, query: dict[str, Any]) -> None:
    error = invalid(tenant.api().get(PATH, **query))
    assert [entry["loc"] for entry in error["details"]] == [["query", next(iter(query))]]


# Pages


def pages(tenant: Tenant, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = None
    while True:
        found = page(tenant, **query, **({"cursor": cursor} if cursor else {}))
        yield found["task_executions"]
        cursor = found["next_cursor"]
        if cursor is None:
            return


def test_the_pages_together_are_the_whole_list(tenant: Tenant) -> None:
    tenant.execution(*(f"task {number}" for number in range(7)))
    found = list(pages(tenant, limit=3))
    assert [len(part) for part in found] == [3, 3, 1]
    assert [record for part in found for record in part] == listed(tenant)


def test_a_last_page_that_is_full_has_no_next_one(tenant: Tenant) -> None:
    tenant.execution("a", "b", "c", "d")
    assert [len(part) for part in pages(tenant, limit=2)] == [2, 2]


def test_no_row_is_lost_or_repeated_while_rows_are_inserted(tenant: Tenant) -> None:
    execution = tenant.execution(*(f"task {number}" for number in range(6)))
    expected = names(listed(tenant))
    seen: list[str] = []
    for number, part in enumerate(pages(tenant, limit=2)):
        seen += names(part)
        tenant.task(execution, f"late {number}")
    assert seen == expected


def test_rows_of_one_moment_are_paged_without_loss(tenant: Tenant, owner: Any) -> None:
    tenant.execution(*(f"task {number}" for number in range(5)))
    owner.execute("UPDATE task_execution SET created_at = '2026-01-01' WHERE organization_id = %s", [tenant.id])
    seen = [record["id"] for part in pages(tenant, limit=1) for record in part]
    assert len(seen) == len(set(seen)) == 5


def test_filters_hold_on_every_page(tenant: Tenant) -> None:
    execution = tenant.execution("a", "b")
    for idx in range(1, 4):
        tenant.task(execution, "a", idx=idx)
        tenant.task(execution, "b", idx=idx)
    assert names([record for part in pages(tenant, limit=3, task_name="a") for record in part]) == ["a"] * 4


@pytest.fixture
def many(tenant: Tenant, owner: Any) -> TaskExecution:
    """1,005 runs of one task."""
    task = tenant.task(tenant.execution(), "extract")
    owner.execute(
        """
        INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
                                    processing_status, edited_status, stale_status, created_at, modified_by)
        SELECT gen_random_uuid(), organization_id, flow_execution_id, task_name, number,
               processing_status, edited_status, stale_status, created_at, modified_by
        FROM task_execution, generate_series(1, 1004) AS number WHERE id = %s
        """,
        [task.id],
    )
    return task


def test_without_a_limit_a_flow_execution_gives_a_thousand(tenant: Tenant, many: TaskExecution) -> None:
    found = page(tenant, flow_execution_id=str(many.flow_execution_id))
    assert len(found["task_executions"]) == 1000
    assert found["next_cursor"] is not None


def test_without_a_limit_an_organization_gives_a_hundred(tenant: Tenant, many: TaskExecution) -> None:
    assert len(listed(tenant)) == 100


@pytest.mark.parametrize("limit", [1, 1000])
def test_a_limit_may_be_one_to_a_thousand(tenant: Tenant, many: TaskExecution, limit: int) -> None:
    assert len(listed(tenant, limit=limit)) == limit


# One record


def test_an_unknown_record_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().get(f"{PATH}/{UNKNOWN_ID}"))


def test_a_foreign_record_is_answered_as_an_unknown_one(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = neighbour.task(neighbour.execution(), "extract")
    answers = [not_found(tenant.api().get(f"{PATH}/{id}")) for id in (foreign.id, UNKNOWN_ID)]
    assert answers[0] == answers[1]


def test_a_record_of_a_deleted_flow_execution_is_not_found(tenant: Tenant) -> None:
    execution = tenant.execution()
    task = tenant.task(execution, "extract")
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    not_found(tenant.api().get(f"{PATH}/{task.id}"))


def test_an_id_that_is_no_uuid_is_not_found(tenant: Tenant) -> None:
    not_found(tenant.api().get(f"{PATH}/7"))


@pytest.mark.parametrize("path", [PATH + "/", PATH + "/{id}/"])
def test_a_trailing_slash_is_not_an_error(tenant: Tenant, path: str) -> None:
    task = tenant.task(tenant.execution(), "extract")
    assert tenant.api().get(path.format(id=task.id)).status_code == 200

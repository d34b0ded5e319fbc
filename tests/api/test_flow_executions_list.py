"""GET /api/flow-executions: a page of the executions of a flow."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.api.calls import UNKNOWN_ID, bad_request, invalid, not_found
from tests.cast import Tenant, operation

PATH = "/api/flow-executions"


@dataclass
class Shelf:
    """Five executions of one flow, created on the 1st to the 5th, updated on the 25th back to the 21st of January."""

    tenant: Tenant
    flow_id: UUID
    ids: list[str]

    def listed(self, **query: Any) -> list[int]:
        """Which ones come, in order: 1 is the oldest."""
        response = self.get(**query)
        assert response.status_code == 200, response.content
        return [self.ids.index(execution["id"]) + 1 for execution in response.json()]

    def get(self, **query: Any) -> Any:
        return self.tenant.api("viewer").get(PATH, flow_id=str(self.flow_id), **query)

    def total(self, **query: Any) -> int:
        return int(self.get(**query)["X-Total-Count"])


STATUSES = ["queued", "running", "completed", "failed", "completed"]


def new_shelf(owner: Connection) -> Shelf:
    tenant = Tenant.create()
    executions = [tenant.execution("extract") for _ in STATUSES]
    for day, (execution, status) in enumerate(zip(executions, STATUSES, strict=True), start=1):
        owner.execute(
            "UPDATE flow_execution SET status = %s, created_at = make_timestamptz(2026, 1, %s, 0, 0, 0, 'UTC'),"
            " updated_at = make_timestamptz(2026, 1, %s, 0, 0, 0, 'UTC') WHERE id = %s",
            [status, day, 26 - day, execution.id],
        )
    tenant.execution(flow_name="another flow")
    return Shelf(tenant, executions[0].flow_id, [str(execution.id) for execution in executions])


@pytest.fixture(scope="module")
def shelf(owner: Connection) -> Shelf:
    """One for all tests that change nothing of it."""
    return new_shelf(owner)


@pytest.fixture
def own_shelf(owner: Connection) -> Shelf:
    return new_shelf(owner)


@pytest.fixture(scope="module")
def tagged_shelf(owner: Connection) -> Shelf:
    shelf = new_shelf(owner)
    first, second, third, fourth, _ = shelf.ids
    shelf.tenant.api().tag(
        operation("add", first, "extract", "approved"),
        operation("add", second, "extract", "approved", tag_type="machine"),
        operation("add", third, "extract", "seen", tag_metadata={"by": "ada"}),
        operation("add", third, "extract", "gone"),
        operation("remove", third, "extract", "gone"),
        operation("add", fourth, "extract", "http://x", tag_type="url"),
    )
    return shelf


def test_the_newest_created_comes_first_and_the_total_is_in_the_header(shelf: Shelf) -> None:
    assert shelf.listed() == [5, 4, 3, 2, 1]
    assert shelf.total() == 5


def test_an_entry_is_the_execution_as_it_is_read_alone(shelf: Shelf) -> None:
    first = shelf.get(page_size=1).json()[0]
    assert first == shelf.tenant.api().get(f"{PATH}/{first['id']}").json()


def test_without_a_flow_id_it_is_not_understood(tenant: Tenant) -> None:
    bad_request(tenant.api().get(PATH))
    bad_request(tenant.api().get(PATH, flow_id="invoices"))


@pytest.mark.parametrize("whose", ["nobody's", "the neighbour's"])
def test_a_flow_that_is_unknown_here_has_an_empty_list(tenant: Tenant, neighbour: Tenant, whose: str) -> None:
    flow_id = UNKNOWN_ID if whose == "nobody's" else str(neighbour.execution().flow_id)
    response = tenant.api().get(PATH, flow_id=flow_id)
    assert response.json() == []
    assert response["X-Total-Count"] == "0"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "completed"}, [5, 3]),
        ({"status": ["completed", "failed"]}, [5, 4, 3]),
        ({"status": "cancelled"}, []),
        ({"status_exclude": "completed"}, [4, 2, 1]),
        ({"status_exclude": ["completed", "failed"]}, [2, 1]),
        ({"status": ["completed", "failed"], "status_exclude": "failed"}, [5, 3]),
    ],
)
def test_status_and_status_exclude_filter_and_may_be_repeated(
    shelf: Shelf, query: dict[str, Any], expected: list[int]
) -> None:
    assert shelf.listed(**query) == expected
    assert shelf.total(**query) == len(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"created_after": "2026-01-03T00:00:00Z"}, [5, 4]),
        ({"created_before": "2026-01-03T00:00:00Z"}, [2, 1]),
        ({"created_after": "2026-01-01T12:00:00Z", "created_before": "2026-01-04T12:00:00Z"}, [4, 3, 2]),
        ({"updated_after": "2026-01-23T00:00:00Z"}, [2, 1]),
        ({"updated_before": "2026-01-23T00:00:00Z"}, [5, 4]),
        ({"created_after": "2026-01-03T02:00:00+02:00"}, [5, 4]),
        ({"created_after": "2026-01-03T00:00:00"}, [5, 4]),
        ({"created_after": "2026-01-02T23:59:59.999999Z"}, [5, 4, 3]),
    ],
)
def test_times_filter_by_what_lies_strictly_after_or_before(
    shelf: Shelf, query: dict[str, Any], expected: list[int]
) -> None:
    assert shelf.listed(**query) == expected
    assert shelf.total(**query) == len(expected)


def test_an_offset_whose_plus_became_a_space_is_still_understood(shelf: Shelf) -> None:
    path = f"{PATH}?flow_id={shelf.flow_id}&created_after=2026-01-03T02:00:00+02:00"
    assert len(shelf.tenant.api().get(path).json()) == 2


@pytest.mark.parametrize(
    ("field", "direction", "expected"),
    [
        ("created_at", "asc", [1, 2, 3, 4, 5]),
        ("created_at", "desc", [5, 4, 3, 2, 1]),
        ("updated_at", "asc", [5, 4, 3, 2, 1]),
        ("updated_at", "desc", [1, 2, 3, 4, 5]),
    ],
)
def test_it_sorts_by_either_time_in_either_direction(
    shelf: Shelf, field: str, direction: str, expected: list[int]
) -> None:
    assert shelf.listed(sort_field=field, sort_direction=direction) == expected


def test_executions_of_one_moment_have_a_fixed_order(own_shelf: Shelf, owner: Connection) -> None:
    owner.execute("UPDATE flow_execution SET created_at = '2026-01-01' WHERE flow_id = %s", [own_shelf.flow_id])
    whole = own_shelf.listed()
    assert [own_shelf.listed(page=page, page_size=1)[0] for page in range(1, 6)] == whole
    assert own_shelf.listed(sort_direction="asc") == whole[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"page_size": 2}, [5, 4]),
        ({"page_size": 2, "page": 2}, [3, 2]),
        ({"page_size": 2, "page": 3}, [1]),
        ({"page_size": 2, "page": 4}, []),
        ({"page_size": 1000, "page": 10000}, []),
        ({"page_size": 1, "page": 10000}, []),
    ],
)
def test_pages_share_one_total(shelf: Shelf, query: dict[str, int], expected: list[int]) -> None:
    assert shelf.listed(**query) == expected
    assert shelf.total(**query) == 5


def test_a_page_has_ten_unless_told(tenant: Tenant) -> None:
    executions = [tenant.execution() for _ in range(11)]
    response = tenant.api().get(PATH, flow_id=str(executions[0].flow_id))
    assert len(response.json()) == 10
    assert response["X-Total-Count"] == "11"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"sort_direction": "asc"}, [3, 4, 5]),
        ({"sort_field": "updated_at"}, [3, 4, 5]),
        ({"sort_field": "updated_at", "sort_direction": "asc"}, [3, 2, 1]),
        ({"status": ["completed", "failed"]}, [3]),
        ({"page_size": 2, "page": 2}, [1]),
    ],
)
def test_start_from_execution_id_leaves_out_what_comes_before_it(
    shelf: Shelf, query: dict[str, Any], expected: list[int]
) -> None:
    assert shelf.listed(start_from_execution_id=shelf.ids[2], **query) == expected


@pytest.mark.parametrize("where", ["nowhere", "another flow", "filtered out"])
def test_start_from_an_execution_that_is_not_in_the_list_is_not_found(shelf: Shelf, where: str) -> None:
    ids = {
        "nowhere": UNKNOWN_ID,
        "another flow": str(shelf.tenant.execution(flow_name="a third").id),
        "filtered out": shelf.ids[0],
    }
    not_found(shelf.get(start_from_execution_id=ids[where], status="completed"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("approved", [2, 1]),
        ("review:approved", [1]),
        ("machine:approved", [2]),
        (["review:approved", "seen"], [3, 1]),
        ("Approved", []),
        ("gone", []),
        ("http://x", [4]),
        ("url:http://x", [4]),
        (["nothing", "approved"], [2, 1]),
    ],
)
def test_tags_match_any_of_these_active_tags_on_any_task(tagged_shelf: Shelf, wanted: Any, expected: list[int]) -> None:
    assert tagged_shelf.listed(tags=wanted) == expected
    assert tagged_shelf.total(tags=wanted) == len(expected)


def test_an_execution_that_carries_a_tag_twice_comes_once(own_shelf: Shelf) -> None:
    tags = [operation("add", own_shelf.ids[0], "extract", "approved", tag_metadata=number) for number in range(3)]
    own_shelf.tenant.api().tag(*tags)
    assert own_shelf.listed(tags="approved") == [1]


def test_all_filters_are_joined_by_and(own_shelf: Shelf) -> None:
    own_shelf.tenant.api().tag(*[operation("add", id, "extract", "approved") for id in own_shelf.ids])
    query = {"tags": "approved", "status": "completed", "created_after": "2026-01-03T12:00:00Z"}
    assert own_shelf.listed(**query) == [5]


def test_a_deleted_execution_does_not_show(own_shelf: Shelf) -> None:
    own_shelf.tenant.api().delete(f"{PATH}/{own_shelf.ids[0]}")
    assert own_shelf.listed() == [5, 4, 3, 2]
    assert own_shelf.total() == 4


def test_who_asks_for_deleted_ones_sees_them(own_shelf: Shelf) -> None:
    own_shelf.tenant.api().delete(f"{PATH}/{own_shelf.ids[0]}")
    assert own_shelf.listed(status="deleted") == [1]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": 10001},
        {"page": "x"},
        {"page_size": 0},
        {"page_size": 1001},
        {"status": "finished"},
        {"status_exclude": "finished"},
        {"created_after": "yesterday"},
        {"updated_before": ""},
        {"created_before": "9999-12-31T23:59:59Z"},
        {"tags": ""},
        {"tags": "x" * 302},
    ],
)
def test_a_parameter_out_of_bounds_is_refused_with_its_place(shelf: Shelf, query: dict[str, Any]) -> None:
    error = invalid(shelf.get(**query))
    assert error["details"][0]["loc"][:2] == ["query", next(iter(query))]


@pytest.mark.parametrize(
    "query", [{"sort_field": "status"}, {"sort_direction": "up"}, {"start_from_execution_id": "x"}]
)
def test_a_parameter_that_means_nothing_is_refused(shelf: Shelf, query: dict[str, Any]) -> None:
    bad_request(shelf.get(**query))


def test_another_organizations_executions_do_not_show(shelf: Shelf, neighbour: Tenant) -> None:
    response = neighbour.api().get(PATH, flow_id=str(shelf.flow_id))
    assert response.json() == []
    assert response["X-Total-Count"] == "0"

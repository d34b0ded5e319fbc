"""GET /api/events: the organization's stream, for programs that poll."""

from typing import Any

import pytest
from psycopg import Connection

from tests.api.calls import UNKNOWN_ID, invalid, position
from tests.cast import Tenant, operation

PATH = "/api/events"


def polled(tenant: Tenant, **query: Any) -> dict[str, Any]:
    response = tenant.api("viewer").get(PATH, **query)
    assert response.status_code == 200, response.content
    page: dict[str, Any] = response.json()
    return page


def sequences(page: dict[str, Any]) -> list[int]:
    return [int(event["sequence"]) for event in page["events"]]


def test_an_organization_where_nothing_happened_has_no_events(tenant: Tenant) -> None:
    assert polled(tenant) == {"events": [], "position": 0, "reset": False}


def test_an_event_is_a_cloud_event(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    response = tenant.api("reviewer").tag(operation("add", execution, "extract", "approved", tag_metadata={"n": 1}))

    (event,) = polled(tenant, after=before)["events"]

    (tag,) = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    assert event.pop("id")
    assert event.pop("batchid")
    assert event.pop("time") == tag["created_at"]
    assert event == {
        "specversion": "1.0",
        "source": f"/organizations/{tenant.id}",
        "type": "tagsite.task_tag.added",
        "subject": f"{execution.id}/extract",
        "sequence": f"{before + 1:019}",
        "datacontenttype": "application/json",
        "actor": f"user:{tenant.reviewer.id}",
        "requestid": response["X-Request-ID"],
        "data": tag,
    }


def test_every_kind_of_change_is_an_event(tenant: Tenant) -> None:
    api = tenant.api()
    execution = api.post("/api/flow-executions", {"flow_name": "invoices"}).json()
    report = {
        "flow_execution_id": execution["id"],
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "running",
    }
    api.post("/api/task-executions", report)
    api.post("/api/task-executions", {**report, "processing_status": "completed"})
    add = operation("add", execution["id"], "extract", "approved")
    api.tag(add, {**add, "operation": "remove"})
    api.patch(f"/api/flow-executions/{execution['id']}/status?status=completed")
    api.delete(f"/api/flow-executions/{execution['id']}")

    page = polled(tenant)

    assert [event["type"].removeprefix("tagsite.") for event in page["events"]] == [
        "flow_execution.created",
        "task_execution.created",
        "task_execution.updated",
        "task_tag.added",
        "task_tag.removed",
        "flow_execution.updated",
        "flow_execution.deleted",
    ]
    assert sequences(page) == [1, 2, 3, 4, 5, 6, 7]
    assert page["position"] == 7


def test_after_gives_what_came_later_and_nothing_else(tenant: Tenant) -> None:
    tenant.execution("a", "b", "c")
    assert sequences(polled(tenant, after=2)) == [3, 4]


def test_after_the_newest_there_is_nothing_and_the_position_stays(tenant: Tenant) -> None:
    tenant.execution("a")
    assert polled(tenant, after=2) == {"events": [], "position": 2, "reset": False}


def test_limit_cuts_and_the_position_is_where_to_go_on(tenant: Tenant) -> None:
    tenant.execution("a", "b", "c", "d")
    first = polled(tenant, limit=2)
    second = polled(tenant, limit=2, after=first["position"])
    assert (sequences(first), sequences(second)) == ([1, 2], [3, 4])


def test_following_the_position_sees_every_event_once(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    seen: list[int] = []
    after = 0
    for number in range(6):
        page = polled(tenant, after=after, limit=3)
        seen += sequences(page)
        after = page["position"]
        tenant.api().tag(operation("add", execution, "extract", f"tag {number}"))
    seen += sequences(polled(tenant, after=after))
    assert seen == list(range(1, position(tenant) + 1))


def test_without_a_limit_a_hundred_come(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(*[operation("add", execution, "extract", f"tag {number}") for number in range(100)])
    assert sequences(polled(tenant)) == list(range(1, 101))


def test_a_batch_shares_its_batch_id_and_request_id(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(*[operation("add", execution, "extract", f"tag {number}") for number in range(3)])
    events = polled(tenant, after=2)["events"]
    assert len({event["batchid"] for event in events}) == len({event["requestid"] for event in events}) == 1


def test_another_organizations_events_do_not_show(tenant: Tenant, neighbour: Tenant) -> None:
    neighbour.execution("a", "b")
    tenant.execution()
    assert sequences(polled(tenant)) == [1]


def test_a_request_that_failed_leaves_no_event_and_no_gap(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = position(tenant)
    tenant.api().tag(operation("add", execution, "extract", "a"), operation("add", UNKNOWN_ID, "extract", "a"))
    tenant.api().tag(operation("add", execution, "extract", "b"))
    assert sequences(polled(tenant, after=before)) == [before + 1]


@pytest.mark.parametrize(
    "query",
    [
        {"after": -1},
        {"after": "x"},
        {"after": 2**63},
        {"limit": 0},
        {"limit": 1001},
        {"limit": "1e3"},
        {"wait": 31},
        {"wait": -1},
        {"task_name": ""},
        {"tag_type": "x" * 101},
    ],
)
def test_a_parameter_out_of_bounds_is_refused_with_its_place(tenant: Tenant, query: dict[str, Any]) -> None:
    assert invalid(tenant.api().get(PATH, **query))["details"][0]["loc"] == ["query", next(iter(query))]


@pytest.mark.parametrize("query", [{"after": 2**63 - 1}, {"limit": 1}, {"limit": 1000}, {"wait": 30}])
def test_a_parameter_at_the_edge_is_taken(tenant: Tenant, query: dict[str, Any]) -> None:
    polled(tenant, **query)


@pytest.mark.parametrize("query", [{"flow_execution_id": "x"}, {"types": "task_tag.dropped"}, {"types": ["x", "y"]}])
def test_a_filter_that_is_none_is_refused(tenant: Tenant, query: dict[str, Any]) -> None:
    response = tenant.api().get(PATH, **query)
    assert response.status_code in (400, 422)
    assert response.json()["error"]["details"][0]["loc"][:2] == ["query", next(iter(query))]


def test_filters_are_joined_by_and(tenant: Tenant) -> None:
    one, other = tenant.execution("extract", "pay"), tenant.execution("extract")
    before = position(tenant)
    tenant.api().tag(
        operation("add", one, "extract", "a"),
        operation("add", one, "pay", "b", tag_type="risk"),
        operation("remove", one, "extract", "a"),
        operation("add", other, "extract", "c"),
    )

    def selected(**query: Any) -> list[int]:
        page = polled(tenant, after=before, **query)
        assert page["position"] == before + 4
        return [number - before for number in sequences(page)]

    assert selected(flow_execution_id=str(one.id)) == [1, 2, 3]
    assert selected(task_name="extract") == [1, 3, 4]
    assert selected(task_name="Extract") == []
    assert selected(types="task_tag.added") == [1, 2, 4]
    assert selected(types=["tagsite.task_tag.removed", "task_tag.added"]) == [1, 2, 3, 4]
    assert selected(tag_type="risk") == [2]
    assert selected(types="task_tag.added", flow_execution_id=str(one.id), task_name="extract") == [1]


def test_a_filter_that_matches_little_reads_on_page_by_page(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.api.events.MOST_LOOKED_AT", 3)
    execution = tenant.execution("extract")
    tenant.api().tag(*(operation("add", execution, "extract", f"tag {i}", tag_type=f"type {i}") for i in range(8)))
    assert polled(tenant, tag_type="type 7") == {"events": [], "position": 3, "reset": False}
    assert polled(tenant, tag_type="type 7", after=3)["position"] == 6
    page = polled(tenant, tag_type="type 7", after=9)
    assert (sequences(page), page["position"]) == ([10], 10)


def test_a_full_page_ends_at_its_last_event_even_if_filtered(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    tenant.api().tag(*(operation("add", execution, "extract", f"tag {i}") for i in range(5)))
    page = polled(tenant, types="task_tag.added", limit=2)
    assert (sequences(page), page["position"]) == ([3, 4], 4)


def test_a_position_ahead_of_the_stream_is_answered_with_a_reset(tenant: Tenant) -> None:
    tenant.execution("extract")
    assert polled(tenant, after=3) == {"events": [], "position": 2, "reset": True}


def test_a_position_older_than_what_is_kept_is_answered_with_a_reset(tenant: Tenant, owner: Connection) -> None:
    tenant.execution("a", "b", "c")
    owner.execute("DELETE FROM event WHERE organization_id = %s AND position <= 2", [tenant.id])
    assert polled(tenant, after=1) == {"events": [], "position": 4, "reset": True}
    assert sequences(polled(tenant, after=2)) == [3, 4]

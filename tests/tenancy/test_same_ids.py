"""Two organizations may use the same ids and names: each works as if the other did not exist.

The hardest case for the application's own filters, because every id of the caller's is one of the neighbour's too.
"""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.cast import Api, operation
from tests.tenancy.conftest import Intruder
from tests.tenancy.filters import without_filters
from tests.tenancy.layers import Layers, left_with, without_policies
from tests.tenancy.things import A_UUID, MARK, Neighbour, rows_of, stored


@pytest.fixture(params=[Layers.BOTH, Layers.POLICIES_WITHOUT_FILTERS, Layers.FILTERS])
def api(request: pytest.FixtureRequest, intruder: Intruder, neighbour: Neighbour) -> Iterator[Api]:
    """The intruder's program, working on ids that the neighbour uses; with each of the layers alone too."""
    take_the_same_ids(intruder, neighbour)
    with left_with(request.param, intruder.tenant.id, neighbour.tenant.id):
        yield intruder.callers["program"]


@pytest.fixture(autouse=True)
def neighbour_is_unchanged(neighbour: Neighbour, owner: psycopg.Connection) -> Iterator[None]:
    before = rows_of(owner, neighbour.tenant.id)
    yield
    assert rows_of(owner, neighbour.tenant.id) == before


def take_the_same_ids(intruder: Intruder, neighbour: Neighbour) -> None:
    """A flow and an execution with the neighbour's ids, with a run of the same task, not tagged."""
    ids, api = neighbour.ids, intruder.callers["program"]
    flow = {"flow_id": ids.flow, "flow_name": f"flow {ids.flow}", "id": ids.flow_execution}
    assert api.post("/api/flow-executions", flow).status_code == 201
    run = {"flow_execution_id": ids.flow_execution, "task_name": "extract", "task_execution_idx": 0}
    assert api.post("/api/task-executions", {**run, "processing_status": "queued"}).status_code == 201


def test_a_flow_and_an_execution_may_have_ids_that_a_neighbour_uses(
    api: Api, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    for organization_id in (intruder.tenant.id, neighbour.tenant.id):
        assert stored(owner, "flow", organization_id, id=neighbour.ids.flow) == 1
        assert stored(owner, "flow_execution", organization_id, id=neighbour.ids.flow_execution) == 1


def test_creating_the_execution_again_gives_the_callers_own(api: Api, intruder: Intruder, neighbour: Neighbour) -> None:
    answer = api.post("/api/flow-executions", {"flow_id": neighbour.ids.flow, "id": neighbour.ids.flow_execution})

    assert answer.status_code == 201
    assert answer.json()["organization_id"] == str(intruder.tenant.id)
    assert answer.json()["input"] == {}


def test_a_flow_may_have_the_name_of_a_neighbours_flow(api: Api, neighbour: Neighbour) -> None:
    """Both have a flow `invoices`, each under an id of its own."""
    answer = api.post("/api/flow-executions", {"flow_name": "invoices"})

    assert answer.status_code == 201
    assert answer.json()["flow_id"] != neighbour.ids.flow


def test_the_tags_of_the_neighbours_execution_of_that_id_do_not_show(api: Api, neighbour: Neighbour) -> None:
    assert api.get("/api/task-tags", flow_execution_id=neighbour.ids.flow_execution).json() == []


def test_its_task_executions_and_their_tags_do_not_show(api: Api, intruder: Intruder, neighbour: Neighbour) -> None:
    records = api.get("/api/task-executions", flow_execution_id=neighbour.ids.flow_execution).json()["task_executions"]

    assert [(record["organization_id"], record["tags"]) for record in records] == [(str(intruder.tenant.id), [])]


def test_its_tags_are_matched_by_no_filter_of_task_executions(api: Api, neighbour: Neighbour) -> None:
    found = api.get("/api/task-executions", flow_execution_id=neighbour.ids.flow_execution, tag=f"{MARK} tag")
    assert found.json()["task_executions"] == []


def test_its_tags_are_matched_by_no_filter_of_flow_executions(api: Api, neighbour: Neighbour) -> None:
    found = api.get("/api/flow-executions", flow_id=neighbour.ids.flow, tags=f"{MARK} tag")
    assert (found.json(), found["X-Total-Count"]) == ([], "0")


def test_its_tags_are_not_there_to_be_removed(api: Api, neighbour: Neighbour) -> None:
    remove = operation("remove", neighbour.ids.flow_execution, "extract", f"{MARK} tag")
    assert api.tag(remove).json() == {"tags": [{"status": "not_found"}]}


def test_the_same_tag_is_added_as_new(api: Api, neighbour: Neighbour) -> None:
    add = operation("add", neighbour.ids.flow_execution, "extract", f"{MARK} tag")
    assert [api.tag(add).json()["tags"][0]["status"] for _ in range(2)] == ["added", "already_exists"]


def test_the_same_run_of_the_same_task_is_the_callers_own_record(api: Api, neighbour: Neighbour) -> None:
    run = {"flow_execution_id": neighbour.ids.flow_execution, "task_name": "extract", "task_execution_idx": 0}
    answer = api.post("/api/task-executions", {**run, "processing_status": "failed"}).json()

    assert answer["id"] != neighbour.ids.task_execution
    assert (answer["processing_status"], answer["output"]) == ("failed", None)


def test_another_run_of_the_task_is_new(api: Api, neighbour: Neighbour) -> None:
    run = {"flow_execution_id": neighbour.ids.flow_execution, "task_name": "extract", "task_execution_idx": 1}
    assert api.post("/api/task-executions", {**run, "processing_status": "queued"}).status_code == 201


def test_changing_the_status_changes_the_callers_own(api: Api, neighbour: Neighbour) -> None:
    answer = api.patch(f"/api/flow-executions/{neighbour.ids.flow_execution}/status?status=failed")
    assert answer.json()["status"] == "failed"


def test_deleting_it_hides_the_callers_own_alone(api: Api, neighbour: Neighbour, owner: psycopg.Connection) -> None:
    path = f"/api/flow-executions/{neighbour.ids.flow_execution}"

    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    running = {"id": neighbour.ids.flow_execution, "status": "running"}
    assert stored(owner, "flow_execution", neighbour.tenant.id, **running) == 1


def test_a_neighbours_deletion_hides_nothing(api: Api, neighbour: Neighbour, owner: psycopg.Connection) -> None:
    other = third_with_the_same_ids(owner, neighbour)
    owner.execute("UPDATE flow_execution SET status = 'deleted' WHERE organization_id = %s", [other.tenant.id])

    assert api.get(f"/api/flow-executions/{neighbour.ids.flow_execution}").status_code == 200
    records = api.get("/api/task-executions", flow_execution_id=neighbour.ids.flow_execution).json()
    assert len(records["task_executions"]) == 1


def test_what_depends_on_ours_does_not_go_through_a_neighbours_task(
    api: Api, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """A neighbour's task names ours as its source, and another of ours names the neighbour's."""
    ours = api.get("/api/task-executions", flow_execution_id=neighbour.ids.flow_execution).json()["task_executions"][0]
    other = third_with_the_same_ids(owner, neighbour, sources=[ours["id"]])
    run = {"flow_execution_id": neighbour.ids.flow_execution, "task_name": "pay", "task_execution_idx": 0}
    last = {**run, "processing_status": "completed", "source_task_executions": [other.ids.task_execution]}
    last_id = api.post("/api/task-executions", last).json()["id"]
    before = rows_of(owner, other.tenant.id)

    answer = intruder.callers["reviewer"].put("/api/task-executions?execute_flow=true", {"id": ours["id"], "output": 2})

    assert answer.status_code == 200
    assert api.get(f"/api/task-executions/{last_id}").json()["stale_status"] == "consistent"
    assert rows_of(owner, other.tenant.id) == before


def third_with_the_same_ids(owner: psycopg.Connection, neighbour: Neighbour, sources: Sequence[str] = ()) -> Neighbour:
    """One more organization with an execution of that id, made past the layers that a test has taken off."""
    other = Neighbour.create()
    copy = """
        INSERT INTO {table} SELECT (jsonb_populate_record(t, %(changes)s)).* FROM {table} AS t
        WHERE organization_id = %(organization_id)s AND id = %(id)s
    """
    for table, id in (("flow", neighbour.ids.flow), ("flow_execution", neighbour.ids.flow_execution)):
        changes = {"organization_id": other.ids.organization, "name": f"flow {neighbour.ids.flow}"}
        parameters = {"changes": Jsonb(changes), "organization_id": neighbour.tenant.id, "id": id}
        owner.execute(copy.format(table=table), parameters)
    moved = "UPDATE task_execution SET flow_execution_id = %s, source_task_executions = %s WHERE id = %s"
    owner.execute(moved, [neighbour.ids.flow_execution, Jsonb(list(sources)), other.ids.task_execution])
    return other


def test_the_stream_tells_of_the_callers_own_changes_alone(api: Api, intruder: Intruder) -> None:
    events = api.get("/api/events", limit=1000).json()["events"]
    assert {event["source"] for event in events} == {f"/organizations/{intruder.tenant.id}"}


def test_the_stream_counts_the_callers_own_changes_alone(api: Api) -> None:
    events = api.get("/api/events", limit=1000).json()["events"]
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))


def test_without_both_layers_the_neighbours_tags_do_show(intruder: Intruder, neighbour: Neighbour) -> None:
    """The control."""
    take_the_same_ids(intruder, neighbour)
    with without_policies(), without_filters():
        tags = intruder.callers["program"].get("/api/task-tags", flow_execution_id=neighbour.ids.flow_execution)

    assert MARK in tags.content.decode()
    assert str(neighbour.tenant.id) in A_UUID.findall(tags.content.decode())

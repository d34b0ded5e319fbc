"""What telling of runs costs on the wire: as many round trips for one observation as for hundreds."""

from uuid import UUID, uuid4

from tags.actions.observations import Observation
from tests.actions.wire import Conversation, conversation
from tests.cast import Tenant
from tests.ingest.test_writing import flow, task, tell


def told(id: UUID, seconds: float, status: str, count: int) -> list[Observation]:
    tasks = [task(id, seconds, status, idx, run_id=UUID(int=id.int ^ idx)) for idx in range(count)]
    return [one for each in tasks for one in (flow(id), each)]


def heard(tenant: Tenant, observations: list[Observation]) -> Conversation:
    with conversation() as heard:
        tell(tenant, *observations)
    return heard


def test_of_a_known_run_tasks_are_told_in_two_round_trips_however_many(tenant: Tenant) -> None:
    id = uuid4()
    tell(tenant, flow(id))
    for count in (1, 10, 100):
        begun, ended = (
            heard(tenant, told(id, at, status, count)) for at, status in enumerate(("running", "completed"))
        )
        assert len(begun.round_trips) == len(ended.round_trips) == 2, ended.trips
        assert len(begun.statements) == len(ended.statements) == 7


def test_a_new_run_costs_two_round_trips_more(tenant: Tenant) -> None:
    """One to make it, and one for the flow that it has come to."""
    tell(tenant, flow(uuid4()))
    assert len(heard(tenant, told(uuid4(), 1, "running", 10)).round_trips) == 4

"""Who has which task open: told at once, to whoever may know, over several processes, and gone when they are."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import uuid4

import pytest

from tags.live import presence
from tags.live.presence import Person, Presence
from tests.cast import Tenant
from tests.live.client import Listener, listening
from tests.live.servers import LiveServer, Redis


@pytest.fixture(scope="module")
def pair(django_db_setup: None) -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two server processes with Redis between them."""
    with ExitStack() as stack:
        redis = stack.enter_context(closing(Redis()))
        yield (
            stack.enter_context(closing(LiveServer(REDIS_URL=redis.url))),
            stack.enter_context(closing(LiveServer(REDIS_URL=redis.url))),
        )


@pytest.fixture
def open_socket() -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda server, tenant, who: stack.enter_context(listening(server.socket_url, tenant.api(who).headers))


def be_at(listener: Listener, execution: Any, task_name: str = "extract") -> None:
    listener.say(type="present", flow_execution_id=str(execution.id), task_name=task_name)


def told(listener: Listener, timeout: float = 15) -> dict[str, list[str]]:
    """The names at each task of the next message."""
    message = listener.hear(timeout)
    assert message["type"] == "presence", message
    return {task["task_name"]: [person["name"] for person in task["people"]] for task in message["tasks"]}


def until_told(listener: Listener, wanted: dict[str, list[str]]) -> float:
    """The seconds until exactly this is told."""
    started = time.monotonic()
    while told(listener) != wanted:
        assert time.monotonic() - started < 15
    return time.monotonic() - started


def test_two_at_one_task_see_each_other_and_when_one_leaves(live: LiveServer, tenant: Tenant, open_socket: Any) -> None:
    execution = tenant.execution("extract", "pay")
    one, other = (open_socket(live, tenant, who) for who in ("reviewer", "admin"))
    be_at(one, execution)
    assert told(one) == {"extract": [tenant.reviewer.username]}
    be_at(other, execution)
    both = [tenant.reviewer.username, tenant.admin.username]
    assert until_told(other, {"extract": both}) < 1
    assert until_told(one, {"extract": both}) < 1
    be_at(other, execution, "pay")
    assert until_told(one, {"extract": [tenant.reviewer.username]}) < 1
    be_at(other, execution)
    until_told(one, {"extract": both})
    other.connection.close()
    assert until_told(one, {"extract": [tenant.reviewer.username]}) < 2


def test_a_watcher_hears_of_all_tasks_and_a_person_counts_once(
    live: LiveServer, tenant: Tenant, open_socket: Any
) -> None:
    execution = tenant.execution("extract", "pay")
    first, second, watcher = (open_socket(live, tenant, who) for who in ("reviewer", "reviewer", "viewer"))
    be_at(first, execution)
    told(first)
    be_at(second, execution)
    told(second)
    watcher.say(type="watch_presence")
    message = watcher.hear()
    assert (message["is_complete"], len(message["tasks"])) == (True, 1)
    (person,) = message["tasks"][0]["people"]
    assert person == {"actor": f"user:{tenant.reviewer.id}", "name": tenant.reviewer.username, "since": person["since"]}
    be_at(second, execution, "pay")
    assert until_told(watcher, {"extract": [tenant.reviewer.username], "pay": [tenant.reviewer.username]}) < 1
    first.say(type="absent")
    assert until_told(watcher, {"extract": []}) < 1


def test_nobody_of_another_organization_and_no_program_sees_or_is_seen(
    live: LiveServer, tenant: Tenant, neighbour: Tenant, open_socket: Any
) -> None:
    execution = tenant.execution("extract")
    spy, own = open_socket(live, neighbour, "reviewer"), open_socket(live, tenant, "reviewer")
    be_at(spy, execution)
    spy.say(type="watch_presence")
    be_at(own, execution)
    assert told(own) == {"extract": [tenant.reviewer.username]}
    program = open_socket(live, tenant, "program")
    for message in ("present", "watch_presence"):
        program.say(type=message, flow_execution_id=str(execution.id), task_name="extract")
        assert program.hear()["error"]["code"] == "forbidden"
    be_at(open_socket(live, neighbour, "admin"), execution, "the last")
    heard = [told(spy)]
    while "the last" not in heard[-1]:
        heard.append(told(spy))
    assert {name for names in heard for people in names.values() for name in people} == {
        neighbour.reviewer.username,
        neighbour.admin.username,
    }


@pytest.mark.parametrize("task_name", ["", "x" * 201, 3, None])
def test_a_task_that_cannot_be_is_refused(live: LiveServer, tenant: Tenant, open_socket: Any, task_name: Any) -> None:
    socket = open_socket(live, tenant, "reviewer")
    socket.say(type="present", flow_execution_id=str(uuid4()), task_name=task_name)
    assert socket.hear()["error"]["code"] == "validation_error"


def test_people_at_another_process_are_seen_until_it_is_killed(
    pair: tuple[LiveServer, LiveServer], tenant: Tenant, open_socket: Any
) -> None:
    here, there = pair
    execution = tenant.execution("extract")
    far, watcher = open_socket(there, tenant, "admin"), open_socket(here, tenant, "viewer")
    be_at(far, execution)
    told(far)
    watcher.say(type="watch_presence")
    if told(watcher) == {}:  # a process that has just begun to listen hears of the others in the next round
        assert until_told(watcher, {"extract": [tenant.admin.username]}) < 5
    near = open_socket(here, tenant, "reviewer")
    be_at(near, execution)
    both = [tenant.admin.username, tenant.reviewer.username]
    assert until_told(far, {"extract": both}) < 1
    assert until_told(watcher, {"extract": both}) < 1
    there.kill()
    gone_after = until_told(watcher, {"extract": [tenant.reviewer.username]})
    there.start()
    assert gone_after < 10


class Heard:
    def __init__(self) -> None:
        self.people: list[list[str]] = []

    def send_presence(self, text: bytes) -> None:
        for task in json.loads(text)["tasks"]:
            self.people.append([person["name"] for person in task["people"]])


def test_who_falls_silent_is_gone_and_a_crowd_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_ROUND", 0.02)
    monkeypatch.setattr(presence, "_SILENCE", 0.3)
    monkeypatch.setattr(presence, "_PAUSE", 0.01)
    monkeypatch.setattr(presence, "_MOST_SEATS", 30)
    organization, task, heard = uuid4(), ("execution", "task"), Heard()

    async def crowd() -> None:
        here = Presence()
        here.look_on(organization, heard, task)
        for number in range(50):
            here.sit(organization, f"socket {number}", task, Person(f"user:{number}", f"name {number:02}"))
        for _ in range(20):  # the first one says again and again that it is there
            await asyncio.sleep(0.05)
            here.sit(organization, "socket 0", task, Person("user:0", "name 00"))

    asyncio.run(crowd())
    assert heard.people[0] == []
    assert max(map(len, heard.people)) == 20
    assert heard.people[-1] == ["name 00"]

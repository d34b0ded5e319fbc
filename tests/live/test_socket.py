"""What a socket says and hears; a real server process, real sockets."""

import signal
import subprocess
import sys
import time
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tags.db.tenancy import in_organization
from tags.events.reading import current_position
from tests.cast import Tenant, operation
from tests.database import PROJECT
from tests.live.client import Listener, listening, positions
from tests.live.servers import LiveServer


def tag_many(tenant: Tenant, count: int, **more: str) -> None:
    execution = tenant.execution("extract")
    for number in range(count):
        answer = tenant.api().tag(operation("add", execution, "extract", f"tag {number}", **more))
        assert answer.status_code == 200


def newest(tenant: Tenant) -> int:
    with in_organization(tenant.id):
        return current_position(tenant.id)


def close_code(listener: Listener) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        listener.hear()
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_what_happens_is_heard_as_the_event_stream_has_it(live: LiveServer, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = newest(tenant)
    with listening(live.socket_url, tenant.api().headers) as listener:
        assert listener.subscribe() == {"type": "subscribed", "position": before}
        change = {"tags": [operation("add", execution, "extract", "approved", tag_metadata={"a": [1, "é"]})]}
        httpx.patch(f"{live.url}/api/task-tags", json=change, headers=tenant.api().headers)
        (event,) = listener.events(1)
    assert [event] == tenant.api().get("/api/events", after=before).json()["events"]
    assert (event["type"], event["data"]["tag"]) == ("tagsite.task_tag.added", "approved")


def test_what_was_missed_comes_first_and_then_what_happens(live: LiveServer, tenant: Tenant) -> None:
    tag_many(tenant, 5)
    missed = newest(tenant)
    with listening(live.socket_url, tenant.api().headers) as listener:
        assert listener.subscribe(after=0) == {"type": "subscribed", "position": 0}
        tag_many(tenant, 5)
        everything = newest(tenant)
        assert everything > missed
        assert positions(listener.events(everything)) == list(range(1, everything + 1))


def test_more_than_is_read_at_once_is_caught_up_with(live: LiveServer, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    for number in range(13):
        tenant.api().tag(*(operation("add", execution, "extract", f"{number}-{i}") for i in range(100)))
    everything = newest(tenant)
    assert everything > 1300
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.subscribe(after=0)
        assert positions(listener.events(everything)) == list(range(1, everything + 1))


def test_a_position_ahead_of_the_stream_is_answered_with_a_reset(live: LiveServer, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    position = newest(tenant)
    with listening(live.socket_url, tenant.api().headers) as listener:
        assert listener.subscribe(after=position + 1) == {"type": "reset", "position": position}
        tag_many(tenant, 1)
        assert positions(listener.events(1)) == [position + 1]


def test_a_position_older_than_what_is_kept_is_answered_with_a_reset(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    tag_many(tenant, 5)
    position = newest(tenant)
    owner.execute("DELETE FROM event WHERE organization_id = %s AND position <= 3", [tenant.id])
    with listening(live.socket_url, tenant.api().headers) as listener:
        assert listener.subscribe(after=1) == {"type": "subscribed", "position": 1}
        assert listener.hear() == {"type": "reset", "position": position}
        assert listener.subscribe(after=3, subscription="kept") == {
            "type": "subscribed",
            "position": 3,
            "subscription": "kept",
        }
        assert positions(listener.events(position - 3)) == list(range(4, position + 1))
        listener.say(type="unsubscribe", subscription="kept")
        listener.hear()
        tag_many(tenant, 1)
        assert positions(listener.events(1)) == [position + 1]


def test_subscriptions_select_and_are_told_apart(live: LiveServer, tenant: Tenant) -> None:
    one, other = tenant.execution("extract", "pay"), tenant.execution("extract")
    before = newest(tenant)
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.subscribe(before, subscription="pay", flow_execution_id=str(one.id), task_name="pay")
        listener.subscribe(before, subscription="gone", types=["tagsite.task_tag.removed"])
        listener.subscribe(before, subscription="risk", tag_type="risk", types=["task_tag.added"])
        tenant.api().tag(
            operation("add", one, "extract", "a"),
            operation("add", one, "pay", "b"),
            operation("remove", one, "pay", "b"),
            operation("add", other, "extract", "c", tag_type="risk"),
        )
        heard = [listener.hear() for _ in range(4)]
        listener.say(type="unsubscribe", subscription="pay")
        assert listener.hear() == {"type": "unsubscribed", "subscription": "pay"}
        tenant.api().tag(operation("add", one, "pay", "d", tag_type="risk"))
        heard.append(listener.hear())
    by_name = sorted((message["subscription"], int(message["event"]["sequence"]) - before) for message in heard)
    assert by_name == [("gone", 3), ("pay", 2), ("pay", 3), ("risk", 4), ("risk", 5)]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "dance"},
        {},
        {"type": "subscribe", "after": "3"},
        {"type": "subscribe", "after": -1},
        {"type": "subscribe", "after": 2**63},
        {"type": "subscribe", "after": True},
        {"type": "subscribe", "after": None, "flow_execution_id": "x"},
        {"type": "subscribe", "after": None, "types": ["task_tag.dropped"]},
        {"type": "subscribe", "after": None, "types": "task_tag.added"},
        {"type": "subscribe", "after": None, "subscription": "x" * 65},
    ],
    ids=str,
)
def test_a_bad_message_is_answered_and_the_socket_goes_on(live: LiveServer, tenant: Tenant, message: dict) -> None:
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.say(**message)
        answer = listener.hear()
        assert (answer["type"], answer["error"]["code"]) == ("error", "validation_error")
        assert answer["error"]["details"]
        assert listener.subscribe()["type"] == "subscribed"


@pytest.mark.parametrize("frame", ["{", "[]", "3", b"{}", "[" * 10_000], ids=["cut", "list", "number", "bytes", "deep"])
def test_a_broken_frame_ends_the_socket(live: LiveServer, tenant: Tenant, frame: str | bytes) -> None:
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.connection.send(frame)
        assert close_code(listener) == 4400


def test_a_huge_frame_ends_the_socket(live: LiveServer, tenant: Tenant) -> None:
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.connection.send("x" * 20_000)
        assert close_code(listener) == 1009


def test_a_batch_that_fails_sends_nothing(live: LiveServer, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.subscribe()
        failing = [operation("add", execution, "extract", "a"), operation("add", execution, "no such task", "b")]
        assert tenant.api().tag(*failing).status_code == 404
        tenant.api().tag(operation("add", execution, "extract", "after it"))
        assert listener.events(1)[0]["data"]["tag"] == "after it"


_DIES_BEFORE_COMMIT = """
import os, signal, sys, django
django.setup()
from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.db.tenancy import in_organization
from tags.models import SYSTEM
from uuid import UUID
organization, execution = map(UUID, sys.argv[1:])
with in_organization(organization):
    add = Operation(OperationKind.ADD, execution, "extract", "lost", "review", None)
    print(apply_batch([add], SYSTEM, organization)[0].value, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_batch_whose_process_dies_before_the_commit_sends_nothing(live: LiveServer, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with listening(live.socket_url, tenant.api().headers) as listener:
        position = listener.subscribe()["position"]
        command = [sys.executable, "-c", _DIES_BEFORE_COMMIT, str(tenant.id), str(execution.id)]
        died = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        assert (died.returncode, died.stdout) == (-signal.SIGKILL, "added\n"), died.stderr
        time.sleep(1.5)  # a poll of the hub goes by
        tenant.api().tag(operation("add", execution, "extract", "after it"))
        (event,) = listener.events(1)
    assert (event["data"]["tag"], int(event["sequence"])) == ("after it", position + 1)

"""The ticket that a socket without a credential sends: what it opens, once, and what is left of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from tags.actions.tickets import redeem_ticket
from tests.cast import Tenant, operation
from tests.conftest import wait_until_ready
from tests.database import PROJECT
from tests.live.client import PATIENCE, listening
from tests.live.conftest import LiveServer
from tests.live.test_listeners import cookie_of
from tests.live.tickets import bare, is_refused, present, ticket_of, used
from tests.ports import free_port
from tests.races.threads import together

# A good ticket


@pytest.mark.parametrize("who", ["program", "admin", "reviewer", "viewer"])
def test_a_ticket_opens_the_socket_for_whom_it_was_made(live: LiveServer, tenant: Tenant, who: str) -> None:
    execution = tenant.execution("extract")
    with bare(live) as listener:
        assert present(listener, ticket_of(tenant, who)) == {"type": "authenticated"}
        assert listener.subscribe()["type"] == "subscribed"
        tenant.api().tag(operation("add", execution, "extract", "approved"))
        (event,) = listener.events(1)
    assert (event["source"], event["data"]["tag"]) == (f"/organizations/{tenant.id}", "approved")


def test_fields_that_are_not_known_are_ignored(live: LiveServer, tenant: Tenant) -> None:
    with bare(live) as listener:
        listener.say(type="authenticate", ticket=ticket_of(tenant), organization_id="x", subscription=7)
        assert listener.hear() == {"type": "authenticated"}


def test_a_session_cookie_from_a_page_of_another_origin_counts_as_none(live: LiveServer, tenant: Tenant) -> None:
    """The ticket decides who listens, not the cookie that the browser sends along."""
    execution = tenant.execution("extract")
    with bare(live, Cookie=f"sessionid={cookie_of(live, tenant)}") as listener:
        assert present(listener, ticket_of(tenant)) == {"type": "authenticated"}
        listener.subscribe()
        tenant.api().tag(operation("add", execution, "extract", "approved"))
        assert len(listener.events(1)) == 1


def test_what_is_said_behind_the_ticket_waits_for_it(live: LiveServer, tenant: Tenant) -> None:
    with bare(live) as listener:
        listener.say(type="authenticate", ticket=ticket_of(tenant))
        listener.say(type="subscribe")
        assert [listener.hear()["type"] for _ in range(2)] == ["authenticated", "subscribed"]


def test_it_hears_its_own_organization_alone(live: LiveServer, tenant: Tenant, neighbour: Tenant) -> None:
    execution, foreign = tenant.execution("extract"), neighbour.execution("extract")
    with bare(live) as listener:
        present(listener, ticket_of(tenant))
        listener.subscribe(flow_execution_id=str(foreign.id), subscription="foreign")
        listener.subscribe()
        neighbour.api().tag(operation("add", foreign, "extract", "secret"))
        tenant.api().tag(operation("add", execution, "extract", "own"))
        message = listener.hear()
    assert (message.get("subscription"), message["event"]["data"]["tag"]) == (None, "own")


# Once


def test_a_ticket_is_good_once(live: LiveServer, tenant: Tenant, owner: psycopg.Connection) -> None:
    ticket = ticket_of(tenant)
    with bare(live) as listener, bare(live) as second:
        assert present(listener, ticket) == {"type": "authenticated"}
        assert used(owner, tenant) == [True]
        is_refused(second, present(second, ticket))
        assert listener.subscribe()["type"] == "subscribed"
    with bare(live) as third:
        is_refused(third, present(third, ticket))


@pytest.mark.parametrize("count", [2, 8])
def test_of_several_who_come_with_it_at_once_one_gets_in(live: LiveServer, tenant: Tenant, count: int) -> None:
    for _ in range(10):
        ticket = ticket_of(tenant)

        def come(ticket: str = ticket) -> str:
            with bare(live) as listener:
                return str(present(listener, ticket)["type"])

        assert sorted(together(*[come] * count)) == ["authenticated", *["error"] * (count - 1)]


def test_two_transactions_at_once_use_it_once(live: LiveServer, tenant: Tenant, owner: psycopg.Connection) -> None:
    """Below the sockets, where nothing makes them wait for each other but the row."""
    for _ in range(10):
        ticket = ticket_of(tenant)
        results = together(*[lambda ticket=ticket: redeem_ticket(ticket)] * 4)
        assert sorted(type(result).__name__ for result in results) == ["NotAuthenticated"] * 3 + ["TicketHolder"]


# Not any more


def test_an_expired_ticket_is_refused(live: LiveServer, tenant: Tenant, owner: psycopg.Connection) -> None:
    ticket = ticket_of(tenant)
    owner.execute("UPDATE ws_ticket SET expires_at = now() WHERE organization_id = %s", [tenant.id])
    with bare(live) as listener:
        is_refused(listener, present(listener, ticket))
    assert used(owner, tenant) == [False]


def test_a_ticket_is_good_until_it_expires(live: LiveServer, tenant: Tenant, owner: psycopg.Connection) -> None:
    """The control of the test above: the same way, but there is time left."""
    ticket = ticket_of(tenant)
    owner.execute("UPDATE ws_ticket SET expires_at = now() + '5 s' WHERE organization_id = %s", [tenant.id])
    with bare(live) as listener:
        assert present(listener, ticket) == {"type": "authenticated"}


# What is left of it


def _metric(live: LiveServer, line: str) -> float:
    text = httpx.get(f"{live.url}/metrics").text
    return sum(float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line))


def test_who_waits_is_not_counted_as_a_socket_and_leaves_nothing(live: LiveServer, tenant: Tenant) -> None:
    deadline = time.monotonic() + PATIENCE
    while _metric(live, "tagsite_sockets{") + _metric(live, "tagsite_sockets ") and time.monotonic() < deadline:
        time.sleep(0.1)
    for _ in range(20):
        with bare(live):
            pass  # gone before its ten seconds
    with bare(live):
        assert _metric(live, "tagsite_sockets{") + _metric(live, "tagsite_sockets ") == 0
    with bare(live) as listener:
        present(listener, ticket_of(tenant))
        assert _metric(live, "tagsite_sockets{") + _metric(live, "tagsite_sockets ") == 1


def test_the_text_of_a_ticket_is_in_no_log(tenant: Tenant, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "manage.py", "serve", "--one-process", "--port", str(port)]
    with log.open("wb") as stream:
        environment = {**os.environ, "LOG_LEVEL": "INFO"}
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=stream, stderr=stream)
    try:
        wait_until_ready(url, process)
        answer = httpx.post(f"{url}/api/ws-tickets", headers=tenant.api().headers)
        ticket = answer.json()["ticket"]
        for text in (ticket, ticket, f"{ticket}A"):
            with listening(f"ws://127.0.0.1:{port}/ws/events", {}) as listener:
                if present(listener, text)["type"] == "authenticated":
                    listener.say(type="authenticate", ticket=ticket, subscription=[ticket])
    finally:
        process.terminate()
        process.wait(20)
    lines = log.read_text().splitlines()
    assert any("/api/ws-tickets" in json.loads(line).get("path", "") for line in lines if line.startswith("{"))
    assert not [line for line in lines if ticket[-43:] in line]

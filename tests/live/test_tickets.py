"""A socket whose handshake carries no credential, and the ticket that it then sends: a real server, real sockets."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tags.actions.service_accounts import create_api_key, create_service_account
from tags.actions.tickets import redeem_ticket
from tags.db.tenancy import in_organization
from tags.models import ApiKey, Membership, WsTicket
from tags.models.ids import uuid7
from tests.cast import Tenant, operation
from tests.conftest import wait_until_ready
from tests.database import PROJECT
from tests.live.client import PATIENCE, Listener, listening
from tests.live.conftest import LiveServer
from tests.live.test_listeners import cookie_of
from tests.live.test_socket import close_code
from tests.ports import free_port
from tests.races.threads import together

REFUSED = {"code": "user_info_not_found", "message": "The ticket is missing, invalid, used or expired", "details": None}
NO_CREDENTIAL = {**REFUSED, "message": "This needs a credential: an API key, a bearer token, a session or a ticket"}


def ticket_of(tenant: Tenant, who: str = "program") -> str:
    return str(tenant.api(who).post("/api/ws-tickets", {}).json()["ticket"])


@contextmanager
def bare(live: LiveServer, **headers: str) -> Iterator[Listener]:
    """A socket as a page of another origin opens it."""
    with listening(live.socket_url, {"Origin": "https://elsewhere.example", **headers}) as listener:
        yield listener


def present(listener: Listener, ticket: object) -> dict[str, Any]:
    listener.say(type="authenticate", ticket=ticket)
    return listener.hear()


def is_refused(listener: Listener, answer: dict[str, Any], error: dict[str, Any] = REFUSED) -> None:
    assert answer == {"type": "error", "error": error}
    assert close_code(listener) == 4401


def used(owner: psycopg.Connection, tenant: Tenant) -> list[bool]:
    query = "SELECT used_at IS NOT NULL FROM ws_ticket WHERE organization_id = %s ORDER BY id"
    return [value for (value,) in owner.execute(query, [tenant.id])]


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


def _key_of(tenant: Tenant) -> ApiKey:
    with in_organization(tenant.id):
        key: ApiKey = ApiKey.objects.in_organization(tenant.id).get()
    return key


def _revoke_key(tenant: Tenant) -> None:
    key = _key_of(tenant)
    path = f"/api/service-accounts/{key.service_account_id}/api-keys/{key.id}"
    assert tenant.api("admin").delete(path).status_code == 204


def _revoke_account(tenant: Tenant) -> None:
    path = f"/api/service-accounts/{_key_of(tenant).service_account_id}"
    assert tenant.api("admin").delete(path).status_code == 204


def _take_scope(tenant: Tenant) -> None:
    path = f"/api/service-accounts/{_key_of(tenant).service_account_id}"
    assert tenant.api("admin").patch(path, {"scopes": ["tag"]}).status_code == 200


def _let_key_expire(tenant: Tenant) -> None:
    with in_organization(tenant.id):
        ApiKey.objects.in_organization(tenant.id).update(expires_at="2020-01-01T00:00:00Z")


def _end_membership(tenant: Tenant) -> None:
    with in_organization(tenant.id):
        member = Membership.objects.in_organization(tenant.id).get(user=tenant.reviewer)
    assert tenant.api("admin").delete(f"/api/members/{member.id}").status_code == 204


def _lock_person(tenant: Tenant) -> None:
    tenant.reviewer.is_active = False
    tenant.reviewer.save(update_fields=["is_active"])


def _change_password(tenant: Tenant) -> None:
    tenant.reviewer.set_password("another horse battery staple")
    tenant.reviewer.save(update_fields=["password"])


ENDS = [
    ("program", _revoke_key),
    ("program", _revoke_account),
    ("program", _take_scope),
    ("program", _let_key_expire),
    ("reviewer", _end_membership),
    ("reviewer", _lock_person),
]
each_end = pytest.mark.parametrize(("who", "end"), ENDS, ids=[end.__name__[1:] for _, end in ENDS])


def test_when_its_holder_ends_the_socket_ends_within_five_seconds(live: LiveServer) -> None:
    """However it ends; all of them at once, because each end is waited for."""
    holders = [(who, end, Tenant.create()) for who, end in [*ENDS, ("reviewer", _change_password)]]
    with ExitStack() as stack:
        listeners = [(end, stack.enter_context(bare(live)), ticket_of(tenant, who)) for who, end, tenant in holders * 2]
        for _, listener, ticket in listeners:
            assert present(listener, ticket) == {"type": "authenticated"}
            listener.subscribe()
        for _, end, tenant in holders:
            end(tenant)
        ended = time.monotonic()
        codes = [(end.__name__, close_code(listener)) for end, listener, _ in listeners]
        assert time.monotonic() - ended < 5
    assert codes == [(end.__name__, 4410) for _, end, _ in holders * 2]


@each_end
def test_when_its_holder_ends_the_ticket_opens_nothing(
    live: LiveServer, tenant: Tenant, who: str, end: Callable[[Tenant], None]
) -> None:
    ticket = ticket_of(tenant, who)
    end(tenant)
    with bare(live) as listener:
        is_scope = end is _take_scope
        assert present(listener, ticket)["error"]["code"] == ("forbidden" if is_scope else "user_info_not_found")
        assert close_code(listener) == (4403 if is_scope else 4401)


def test_while_its_holder_lasts_the_socket_does_too(live: LiveServer, tenant: Tenant) -> None:
    """The control: also when the ticket is long gone, and whatever becomes of another key or another person."""
    account = create_service_account(tenant.id, "other", ["read"], "integration")
    key, _ = create_api_key(tenant.id, account.id, "other")
    with bare(live) as program, bare(live) as person:
        present(program, ticket_of(tenant))
        present(person, ticket_of(tenant, "viewer"))
        tenant.api("admin").delete(f"/api/service-accounts/{account.id}/api-keys/{key.id}")
        _end_membership(tenant)
        with in_organization(tenant.id):
            WsTicket.objects.in_organization(tenant.id).delete()
        time.sleep(5)
        assert [one.subscribe()["type"] for one in (program, person)] == ["subscribed"] * 2


# No ticket at all


def test_a_ticket_that_names_another_organization_is_refused_and_stays_good(
    live: LiveServer, tenant: Tenant, neighbour: Tenant, owner: psycopg.Connection
) -> None:
    ticket = ticket_of(tenant)
    ticket_of(neighbour)
    for other in (neighbour.id.hex, uuid7().hex, "0" * 32):
        with bare(live) as listener:
            is_refused(listener, present(listener, ticket.replace(tenant.id.hex, other)))
    assert (used(owner, tenant), used(owner, neighbour)) == ([False], [False])
    with bare(live) as listener:
        assert present(listener, ticket) == {"type": "authenticated"}


def _mangled(ticket: str) -> dict[str, str]:
    head, secret = ticket[:37], ticket[37:]
    arabic = "\u0663" * 32
    other = "A" if secret[-1] != "A" else "B"
    return {
        "empty": "",
        "a space before": f" {ticket}",
        "a line after": f"{ticket}\n",
        "a NUL after": f"{ticket}\0",
        "cut": ticket[:-1],
        "longer": f"{ticket}A",
        "one letter changed": f"{ticket[:-1]}{other}",
        "another secret": f"{head}{'A' * 43}",
        "capitals": ticket.upper(),
        "capital hex": f"{head.upper().replace('TGT', 'tgt')}{secret}",
        "with hyphens": ticket.replace(head[4:36], f"{head[4:12]}-{head[12:36]}"),
        "without organization": f"tgt_{secret}",
        "the secret alone": secret,
        "another prefix": f"tagsite_{secret}",
        "SQL": f"{head}' OR 1=1 --",
        "percents": f"{head}{'%s' * 21}%",
        "Arabic digits": f"tgt_{arabic}_{secret}",
        "full width": f"\uff54\uff47\uff54_{ticket[4:]}",
        "a surrogate in it": f"{ticket[:-1]}\ud800",
        "surrogates alone": "\ud83d\ude00\udfff",
        "a bidi override": f"\u202e{ticket}",
        "zero width": f"{ticket[:20]}\u200b{ticket[20:]}",
        "a combining mark": f"{ticket}\u0301",
        "emoji": "\U0001f39f" * 10,
    }


def test_what_is_no_ticket_opens_nothing_and_uses_nothing_up(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection
) -> None:
    ticket = ticket_of(tenant)
    for label, text in _mangled(ticket).items():
        with bare(live) as listener:
            answer = present(listener, text)
            assert (label, answer["error"]["code"]) == (label, "user_info_not_found")
            assert close_code(listener) == 4401
    assert used(owner, tenant) == [False]
    with bare(live) as listener:
        assert present(listener, ticket) == {"type": "authenticated"}


@pytest.mark.parametrize(
    "message",
    [
        *({"type": "authenticate", "ticket": value} for value in (None, 7, True, 1.5, [], {}, ["tgt_"], "x" * 10_000)),
        {"type": "authenticate"},
        {"type": "authenticate", "token": "tgt_"},
        {"type": "Authenticate", "ticket": "tgt_"},
        {"type": "authenticate\ud800", "ticket": "tgt_"},
        {"type": "subscribe"},
        {"type": "subscribe", "after": 0, "ticket": "tgt_"},
        {"type": "unsubscribe"},
        {"type": "heartbeat"},
        {"type": ["authenticate"]},
        {"type": None},
        {},
    ],
    ids=lambda message: ascii(message)[:60],
)
def test_another_first_message_ends_the_socket(live: LiveServer, message: dict[str, Any]) -> None:
    with bare(live) as listener:
        listener.say(**message)
        is_refused(listener, listener.hear(timeout=5), NO_CREDENTIAL)


FRAMES: dict[str, str | bytes] = {
    "empty": "",
    "cut": "{",
    "a list": '[{"type": "authenticate"}]',
    "a number": "7",
    "null": "null",
    "NaN": "NaN",
    "bytes": b'{"type": "authenticate"}',
    "no bytes": b"",
    "no UTF-8": b"\xff\xfe",
    "deep": "[" * 10_000,
    "ten thousand digits": "9" * 10_000,
}


@pytest.mark.parametrize("label", FRAMES)
def test_a_broken_first_frame_ends_the_socket(live: LiveServer, label: str) -> None:
    with bare(live) as listener:
        listener.connection.send(FRAMES[label])
        is_refused(listener, listener.hear(timeout=5), NO_CREDENTIAL)


def test_a_huge_first_frame_ends_the_socket(live: LiveServer, tenant: Tenant) -> None:
    with bare(live) as listener:
        listener.say(type="authenticate", ticket=ticket_of(tenant), more="x" * 20_000)
        assert close_code(listener) == 1009


def test_a_ticket_in_the_url_is_no_ticket(live: LiveServer, tenant: Tenant) -> None:
    with listening(f"{live.socket_url}?ticket={ticket_of(tenant)}", {}) as listener:
        assert listener.subscribe()["error"] == NO_CREDENTIAL
        assert close_code(listener) == 4401


def test_a_good_ticket_does_not_mend_a_bad_credential(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection
) -> None:
    for headers in ({"X-API-Key": "tagsite_wrong"}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eA=="}):
        with bare(live, **headers) as listener:
            with suppress(ConnectionClosed):
                listener.say(type="authenticate", ticket=ticket_of(tenant))
            assert listener.hear()["error"]["code"] == "user_info_not_found"
            assert close_code(listener) == 4401
    assert not any(used(owner, tenant))


# Before and after


def test_a_second_message_is_not_heard_after_a_bad_first_one(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection
) -> None:
    with bare(live) as listener:
        ticket = ticket_of(tenant)
        with suppress(ConnectionClosed):
            listener.say(type="subscribe")
            listener.say(type="authenticate", ticket=ticket)
            listener.say(type="subscribe")
        is_refused(listener, listener.hear(), NO_CREDENTIAL)
    assert used(owner, tenant) == [False]


@pytest.mark.parametrize("way", ["key", "ticket"])
def test_who_is_authenticated_already_hears_so_and_goes_on(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection, way: str
) -> None:
    with listening(live.socket_url, tenant.api().headers if way == "key" else {}) as listener:
        if way == "ticket":
            present(listener, ticket_of(tenant))
        before = used(owner, tenant)
        listener.subscribe(subscription="before")
        for ticket in (ticket_of(tenant), "x"):
            answer = present(listener, ticket)
            assert (answer["type"], answer["error"]["code"]) == ("error", "bad_request")
        assert present(listener, 7)["error"]["code"] == "validation_error"
        assert listener.subscribe()["type"] == "subscribed"
        tenant.api().tag(operation("add", tenant.execution("extract"), "extract", "approved"))
        assert {listener.hear().get("subscription") for _ in range(2)} == {None, "before"}
    assert used(owner, tenant) == [*before, False]


def test_silence_ends_the_socket_after_ten_seconds(live: LiveServer, tenant: Tenant) -> None:
    """And nothing else does: one that spoke meanwhile is still there."""
    with bare(live) as silent, bare(live) as late, bare(live) as prompt:
        present(prompt, ticket_of(tenant))
        opened = time.monotonic()
        time.sleep(8)
        assert present(late, ticket_of(tenant)) == {"type": "authenticated"}
        answer = silent.hear()
        assert 8.5 < time.monotonic() - opened < 11.5
        is_refused(silent, answer, NO_CREDENTIAL)
        time.sleep(1)
        assert [one.subscribe()["type"] for one in (prompt, late)] == ["subscribed"] * 2


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

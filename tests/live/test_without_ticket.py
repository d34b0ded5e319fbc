"""A socket that sends no ticket, a bad one, or anything else first."""

import time
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tags.models.ids import uuid7
from tests.cast import Tenant, operation
from tests.live.client import listening
from tests.live.conftest import LiveServer
from tests.live.test_socket import close_code
from tests.live.tickets import NO_CREDENTIAL, bare, is_refused, present, ticket_of, used


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

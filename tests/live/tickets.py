"""A socket whose handshake carries no credential, and what it says and hears then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.cast import Tenant
from tests.live.client import Listener, listening
from tests.live.conftest import LiveServer
from tests.live.test_socket import close_code

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

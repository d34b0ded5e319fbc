"""Who may listen, and that nobody hears more than that."""

import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from django.contrib.sessions.models import Session
from websockets.exceptions import InvalidStatus

from tags.db.tenancy import in_organization
from tags.models import ApiKey, Membership
from tests.cast import PASSWORD, Tenant, operation
from tests.live.client import listening
from tests.live.servers import LiveServer
from tests.live.test_socket import close_code


def cookie_of(live: LiveServer, tenant: Tenant) -> str:
    """Log in as a browser does."""
    with httpx.Client(base_url=live.url, headers={"Origin": live.url}) as browser:
        browser.get("/log-in")
        form = {"username": tenant.reviewer.username, "password": PASSWORD}
        browser.post("/log-in", data={**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})
        return browser.cookies["sessionid"]


@pytest.mark.parametrize("who", ["program", "admin", "reviewer", "viewer"])
def test_whoever_may_read_may_listen(live: LiveServer, tenant: Tenant, who: str) -> None:
    with listening(live.socket_url, tenant.api(who).headers) as listener:
        assert listener.subscribe()["type"] == "subscribed"


def test_an_api_key_may_come_as_bearer_token(live: LiveServer, tenant: Tenant) -> None:
    with listening(live.socket_url, {"Authorization": f"Bearer {tenant.token}"}) as listener:
        assert listener.subscribe()["type"] == "subscribed"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "tagsite_wrong"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YWRhOnNlY3JldA=="},
        {"Cookie": "sessionid=made-up"},
    ],
    ids=str,
)
def test_a_bad_credential_ends_the_socket_at_once(live: LiveServer, headers: dict[str, str]) -> None:
    """tests/live/test_tickets.py has what a socket without any may do."""
    with listening(live.socket_url, {"Origin": live.url, **headers}) as listener:
        assert listener.hear(timeout=5)["error"]["code"] == "user_info_not_found"
        assert close_code(listener) == 4401


def test_a_key_without_the_scope_to_read_may_not_listen(live: LiveServer, tenant: Tenant) -> None:
    from tags.actions.service_accounts import create_api_key, create_service_account

    account = create_service_account(tenant.id, "writer", ["ingest"], "integration")
    _, token = create_api_key(tenant.id, account.id, "first")
    with listening(live.socket_url, {"X-API-Key": token}) as listener:
        assert listener.hear()["error"]["code"] == "forbidden"
        assert close_code(listener) == 4403


def test_a_session_listens_from_a_page_of_our_own_alone(live: LiveServer, tenant: Tenant) -> None:
    cookie = {"Cookie": f"sessionid={cookie_of(live, tenant)}"}
    with listening(live.socket_url, {**cookie, "Origin": live.url}) as listener:
        assert listener.subscribe()["type"] == "subscribed"
    host = live.url.removeprefix("http://")
    foreign: list[dict[str, str]] = [
        {},
        {"Origin": "null"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": f"https://{host}"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"http://{host}.elsewhere.example"},
    ]
    for origin in foreign:
        with listening(live.socket_url, {**cookie, **origin}) as listener:
            assert listener.subscribe()["error"]["code"] == "user_info_not_found", origin
            assert close_code(listener) == 4401, origin


def test_an_unknown_host_is_refused_at_the_handshake(live: LiveServer, tenant: Tenant) -> None:
    with pytest.raises(InvalidStatus) as refused, listening(live.socket_url, {**tenant.api().headers, "Host": "evil"}):
        pass
    assert refused.value.response.status_code in (400, 403)


def test_another_organization_is_not_heard(live: LiveServer, tenant: Tenant, neighbour: Tenant) -> None:
    execution, foreign = tenant.execution("extract"), neighbour.execution("extract")
    with listening(live.socket_url, tenant.api().headers) as listener:
        listener.subscribe(after=0)
        listener.subscribe(after=0, subscription="foreign", flow_execution_id=str(foreign.id))
        neighbour.api().tag(operation("add", foreign, "extract", "secret"))
        tenant.api().tag(operation("add", execution, "extract", "own"))
        heard: list[dict[str, Any]] = []
        while not (heard and heard[-1].get("event", {}).get("data", {}).get("tag") == "own"):
            heard.append(listener.hear())
    assert {message["event"]["source"] for message in heard if message["type"] == "event"} == {
        f"/organizations/{tenant.id}"
    }
    assert not [message for message in heard if message.get("subscription") == "foreign" and message["type"] == "event"]


def _revoke_key(tenant: Tenant) -> None:
    with in_organization(tenant.id):
        key = ApiKey.objects.in_organization(tenant.id).get()
    path = f"/api/service-accounts/{key.service_account_id}/api-keys/{key.id}"
    assert tenant.api("admin").delete(path).status_code in (200, 204)


def _end_membership(tenant: Tenant) -> None:
    with in_organization(tenant.id):
        member = Membership.objects.in_organization(tenant.id).get(user=tenant.reviewer)
    assert tenant.api("admin").delete(f"/api/members/{member.id}").status_code in (200, 204)


def _end_session(tenant: Tenant) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(tenant.reviewer.id):
            session.delete()


def test_when_the_credential_ends_its_sockets_end_within_five_seconds(live: LiveServer) -> None:
    """All of them at once, because each end is waited for."""
    key, membership, session = (Tenant.create() for _ in range(3))
    headers = {
        "key": key.api().headers,
        "membership": membership.api("reviewer").headers,
        "session": {"Cookie": f"sessionid={cookie_of(live, session)}", "Origin": live.url},
    }
    with ExitStack() as stack:
        listeners = [
            (what, stack.enter_context(listening(live.socket_url, headers[what]))) for what in [*headers, *headers]
        ]
        for _, listener in listeners:
            listener.subscribe()
        _revoke_key(key)
        _end_membership(membership)
        _end_session(session)
        ended = time.monotonic()
        codes = [(what, close_code(listener)) for what, listener in listeners]
        assert time.monotonic() - ended < 5
    assert codes == [(what, 4410) for what in [*headers, *headers]]


def test_without_an_end_the_socket_stays(live: LiveServer, tenant: Tenant) -> None:
    """The control of the test above."""
    with listening(live.socket_url, tenant.api("reviewer").headers) as listener:
        listener.subscribe()
        with pytest.raises(TimeoutError):
            listener.hear(5)

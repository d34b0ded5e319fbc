"""When the holder of a ticket ends, so do the ticket and the sockets it opened."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tags.actions.service_accounts import create_api_key, create_service_account
from tags.db.tenancy import in_organization
from tags.models import ApiKey, Membership, WsTicket
from tests.cast import Tenant
from tests.live.conftest import LiveServer
from tests.live.test_socket import close_code
from tests.live.tickets import bare, present, ticket_of


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

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tags.actions.organizations import add_member, create_user
from tags.models import Role, User
from tags.models.ids import uuid7
from tests.cast import PASSWORD, Api, Tenant
from tests.tenancy.layers import BYPASSING_ROLE, close_pool_without_policies, drop_role, make_bypassing_role
from tests.tenancy.things import Ids, Neighbour, settle, tenant_without_passwords

WHO = ["program", "admin", "reviewer", "viewer"]


@dataclass(frozen=True)
class Intruder:
    """The organization that tries; its rows may change, so it serves many tests."""

    tenant: Tenant
    ids: Ids
    callers: dict[str, Api]
    person: User  # a member with a password


@pytest.fixture(scope="package")
def intruder(bypassing_role: None) -> Intruder:
    tenant = tenant_without_passwords("our own")
    person = create_user(f"person-{uuid7()}", PASSWORD)
    add_member(tenant.id, person.username, Role.ADMIN)
    return Intruder(tenant, settle(tenant, "our own"), {who: tenant.api(who) for who in WHO}, person)


@pytest.fixture
def neighbour() -> Neighbour:
    return Neighbour.create()


@pytest.fixture(scope="package")
def lasting_neighbour(bypassing_role: None) -> Neighbour:
    """One for all tests that change nothing of it, nor take ids of it for things of the intruder's."""
    return Neighbour.create()


@pytest.fixture(scope="package")
def bypassing_role(django_db_setup: None) -> Iterator[None]:
    make_bypassing_role()
    yield
    close_pool_without_policies()
    drop_role(BYPASSING_ROLE)

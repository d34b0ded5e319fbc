"""Taking off one of the two layers of tenancy, or both, to see what the other one holds alone."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from tags.actions.credentials import Caller
from tags.api import authentication
from tags.db import tenancy
from tags.db.roles import grant_application_privileges
from tests.database import NAME, OWNER_URL
from tests.tenancy.filters import without_filters

BYPASSING_ROLE = f"{NAME}_bypassrls"
_PASSWORD = "only for tests"


class Layers(StrEnum):
    """What is left to keep tenants apart."""

    BOTH = "both layers"
    POLICIES_WITHOUT_FILTERS = "policies alone, filters forgotten"
    POLICIES_WITH_WRONG_FILTERS = "policies alone, filters of the neighbour"
    FILTERS = "filters alone"


def left_with(layers: Layers, caller_id: UUID, neighbour_id: UUID) -> AbstractContextManager[None]:
    """The block runs with these layers; `caller_id` is the organization of who calls."""
    stack = ExitStack()
    if layers == Layers.FILTERS:
        stack.enter_context(without_policies())
    elif layers == Layers.POLICIES_WITHOUT_FILTERS:
        stack.enter_context(without_filters())
    elif layers == Layers.POLICIES_WITH_WRONG_FILTERS:
        stack.enter_context(with_filters_of(neighbour_id, caller_id))
    return stack


@contextmanager
def with_filters_of(neighbour_id: UUID, caller_id: UUID) -> Iterator[None]:
    """The application takes every caller for one of the neighbour's: all its statements, ORM and raw SQL, ask for the
    neighbour's rows. Only the transaction's setting, which the policies read, stays that of who really calls.
    """
    name_caller = authentication._named

    def named(caller: Caller) -> tuple[Caller, None]:
        return name_caller(replace(caller, organization_id=neighbour_id))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authentication, "_named", named)
        patch.setattr(tenancy, "_SHOW", _SHOW_ALWAYS.format(organization_id=caller_id))
        yield


# In place of the statement by which a transaction names its organization; other settings pass.
_SHOW_ALWAYS = f"""
    SELECT set_config(name, CASE name WHEN '{tenancy.ORGANIZATION}' THEN '{{organization_id}}' ELSE value END, true)
    FROM (SELECT %s::text AS name, %s::text AS value) AS shown
"""


@contextmanager
def without_policies() -> Iterator[None]:
    """The application works as a role with its own privileges, whom row-level security does not bind."""
    bound = connections["default"]
    free = connections.create_connection("default")
    # Its own pool; and tags.db.roles, which would refuse this role, looks at `default` alone.
    free.alias = "bypassing"
    free.settings_dict = {**free.settings_dict, "USER": BYPASSING_ROLE, "PASSWORD": _PASSWORD}
    connections["default"] = free
    try:
        yield
    finally:
        connections["default"] = bound
        free.close()


def close_pool_without_policies() -> None:
    with without_policies():
        connections["default"].close_pool()


def make_bypassing_role() -> None:
    """The application's role again, but with BYPASSRLS."""
    make_role(BYPASSING_ROLE, "BYPASSRLS")
    grant_application_privileges(connections["owner"], BYPASSING_ROLE)
    connections["owner"].close()


def make_role(name: str, power: str = "") -> str:
    """A role that may log in; gives its URL. Roles are the whole server's, so it may be left from an earlier run."""
    role = sql.Identifier(name)
    with psycopg.connect(OWNER_URL, autocommit=True) as owner:
        if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
            owner.execute(sql.SQL("CREATE ROLE {}").format(role))
        owner.execute(sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD {}").format(role, sql.SQL(power), _PASSWORD))
    return psycopg.conninfo.make_conninfo(OWNER_URL, user=name, password=_PASSWORD)


def drop_role(name: str) -> None:
    role = sql.Identifier(name)
    with psycopg.connect(OWNER_URL, autocommit=True) as owner:
        owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
        owner.execute(sql.SQL("DROP ROLE {}").format(role))

"""A request's connection, which the next request of its thread finds ready: whatever happened to the last one."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tags.db.tenancy import in_organization, pipeline, run
from tests.cast import Tenant

Ending = Callable[[Tenant, psycopg.Connection], None]


def kill(owner: psycopg.Connection) -> None:
    owner.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])


def give_back(tenant: Tenant, owner: psycopg.Connection) -> None:
    """As all requests but few end."""


def die_at_rest(tenant: Tenant, owner: psycopg.Connection) -> None:
    kill(owner)


def die_in_a_transaction(tenant: Tenant, owner: psycopg.Connection) -> None:
    with suppress(DatabaseError), in_organization(tenant.id):
        kill(owner)
        run("SELECT 1", [])


def die_in_a_pipeline(tenant: Tenant, owner: psycopg.Connection) -> None:
    with suppress(DatabaseError), pipeline(), in_organization(tenant.id):
        kill(owner)
        run("SELECT 1", [])


def fail(tenant: Tenant, owner: psycopg.Connection) -> None:
    with suppress(DatabaseError), in_organization(tenant.id):
        run("SELECT 1 / 0", [])


def leave_autocommit_off(tenant: Tenant, owner: psycopg.Connection) -> None:
    connection.set_autocommit(False)


def come_from_a_thread_that_left_it_off(tenant: Tenant, owner: psycopg.Connection) -> None:
    connection.connection.autocommit = False


def close_in_a_transaction(tenant: Tenant, owner: psycopg.Connection) -> None:
    with suppress(DatabaseError), in_organization(tenant.id):
        connection.close()
        run("SELECT 1", [])


def close_the_pool(tenant: Tenant, owner: psycopg.Connection) -> None:
    connection.close()
    connection.close_pool()


@pytest.mark.parametrize(
    "end",
    [
        give_back,
        die_at_rest,
        die_in_a_transaction,
        die_in_a_pipeline,
        fail,
        leave_autocommit_off,
        come_from_a_thread_that_left_it_off,
        close_in_a_transaction,
        close_the_pool,
    ],
)
def test_the_next_request_begins_as_if_nothing_had_been(tenant: Tenant, owner: psycopg.Connection, end: Ending) -> None:
    connection.close()
    connection.ensure_connection()
    end(tenant, owner)
    connection.close()

    connection.ensure_connection()
    assert state() == (True, True, False, False, [])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned(), current_setting('tagsite.organization_id', true)")
        assert [value or None for value in cursor.fetchone()] == [None, None]
    execution = tenant.execution("extract")
    assert tenant.api().get(f"/api/task-tags?flow_execution_id={execution.id}").status_code == 200


def state() -> tuple[Any, ...]:
    return (
        connection.autocommit,
        connection.connection.autocommit,
        connection.in_atomic_block,
        connection.errors_occurred,
        connection.run_on_commit,
    )

"""What the application's role really sees and may write, statement by statement, past all of Django's querysets."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.utils import IntegrityError

from tags.actions.organizations import add_member
from tags.db import tenancy
from tags.db.tenancy import as_user, in_organization
from tags.models import Role
from tags.models.access import token_digest
from tags.models.ids import uuid7
from tests.tenancy.conftest import WHO, Intruder
from tests.tenancy.things import Neighbour, key_column, tenant_tables

TABLES = [
    "api_key",
    "decided_task",
    "decision",
    "event",
    "event_stream",
    "flow",
    "flow_execution",
    "membership",
    "organization",
    "producer_run",
    "rejected_event",
    "review_rule",
    "rule_firing",
    "saved_view",
    "seal",
    "service_account",
    "task_execution",
    "task_tag",
    "ws_ticket",
]
WRITTEN = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
each_table = pytest.mark.parametrize("table", TABLES)
# An event and a seal are never changed; of a ticket only its use is written, and of a decision that it was taken back.
FIXED = ("decided_task", "decision", "event", "seal", "ws_ticket")
MOVABLE = [table for table in TABLES if table not in FIXED]


@pytest.fixture
def neighbour(lasting_neighbour: Neighbour) -> Neighbour:
    return lasting_neighbour


@contextmanager
def with_key(token: str) -> Iterator[None]:
    """A transaction to which a key was presented, as at the start of each program's request."""
    with transaction.atomic():
        tenancy.show(tenancy.API_KEY_DIGEST, token_digest(token).hex())
        yield


def organizations_in(table: str) -> list[UUID]:
    """The organization of each row that shows."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key_column(table)} FROM {table}")
        return [organization_id for (organization_id,) in cursor.fetchall()]


def everything_seen() -> dict[str, int]:
    """Rows that show, by table; those that show none are left out."""
    counts = {table: len(organizations_in(table)) for table in TABLES}
    return {table: count for table, count in counts.items() if count}


def test_these_are_all_the_tables(owner: psycopg.Connection) -> None:
    assert sorted([*tenant_tables(owner), "organization"]) == TABLES


@each_table
def test_a_transaction_that_names_no_organization_sees_nothing(
    table: str, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    assert owner.execute(f"SELECT count(*) FROM {table}").fetchone() > (0,)
    with transaction.atomic():
        assert organizations_in(table) == []


@each_table
def test_a_statement_outside_any_transaction_sees_nothing(table: str, neighbour: Neighbour) -> None:
    assert organizations_in(table) == []


@each_table
def test_an_organization_sees_its_own_rows(table: str, intruder: Intruder, neighbour: Neighbour) -> None:
    with in_organization(neighbour.tenant.id):
        assert set(organizations_in(table)) == {neighbour.tenant.id}


@each_table
def test_a_row_of_another_organization_cannot_be_inserted(
    table: str, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """Not even to learn that it is there: to its own organization the same row is a duplicate."""
    row = a_row(owner, table, neighbour.tenant.id)

    with in_organization(neighbour.tenant.id), pytest.raises(IntegrityError, match="duplicate key"):
        insert(table, row)
    with in_organization(intruder.tenant.id), refused_by_policy(table):
        insert(table, row)


@each_table
def test_a_row_of_another_organization_cannot_be_inserted_where_none_is_named(
    table: str, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    with transaction.atomic(), refused_by_policy(table):
        insert(table, a_row(owner, table, neighbour.tenant.id))


@pytest.mark.parametrize("table", MOVABLE)
def test_a_row_cannot_be_moved_to_another_organization(table: str, intruder: Intruder, neighbour: Neighbour) -> None:
    with in_organization(intruder.tenant.id), refused_by_policy(table):
        execute(f"UPDATE {table} SET {key_column(table)} = %s", neighbour.tenant.id)


@pytest.mark.parametrize("table", MOVABLE)
def test_a_row_of_another_organization_is_not_updated(table: str, intruder: Intruder, neighbour: Neighbour) -> None:
    key = key_column(table)
    with in_organization(intruder.tenant.id):
        assert execute(f"UPDATE {table} SET {key} = {key} WHERE {key} = %s", neighbour.tenant.id) == 0
    with in_organization(neighbour.tenant.id):
        assert execute(f"UPDATE {table} SET {key} = {key} WHERE {key} = %s", neighbour.tenant.id) > 0


def test_a_ticket_of_another_organization_is_not_used_up(intruder: Intruder, neighbour: Neighbour) -> None:
    statement = "UPDATE ws_ticket SET used_at = now() WHERE organization_id = %s"
    with in_organization(intruder.tenant.id):
        assert execute(statement, neighbour.tenant.id) == 0
    with in_organization(neighbour.tenant.id):
        assert execute(statement, neighbour.tenant.id) > 0


@pytest.mark.parametrize("table", ["membership", "review_rule", "saved_view", "ws_ticket"])
def test_a_row_of_another_organization_is_not_deleted(table: str, intruder: Intruder, neighbour: Neighbour) -> None:
    with in_organization(intruder.tenant.id):
        assert execute(f"DELETE FROM {table} WHERE organization_id = %s", neighbour.tenant.id) == 0


def test_a_reference_into_another_organization_is_refused(
    intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """Foreign keys look past row-level security; this one finds the pair of organization and id or nothing."""
    statement = "UPDATE flow_execution SET flow_id = %s WHERE id = %s"
    with pytest.raises(IntegrityError, match="foreign key"), in_organization(intruder.tenant.id):
        execute(statement, neighbour.ids.flow, intruder.ids.flow_execution)


# What may be seen before the organization is known.


def test_a_person_sees_their_own_memberships_and_those_organizations(intruder: Intruder, neighbour: Neighbour) -> None:
    person = neighbour.tenant.reviewer
    with as_user(person.id):
        assert everything_seen() == {"membership": 1, "organization": 1}
        assert organizations_in("organization") == [neighbour.tenant.id]


def test_a_member_of_two_organizations_sees_both() -> None:
    neighbour, other = Neighbour.create(), Neighbour.create()
    person = neighbour.tenant.reviewer
    add_member(other.tenant.id, person.username, Role.VIEWER)
    with as_user(person.id):
        assert set(organizations_in("membership")) == {neighbour.tenant.id, other.tenant.id}
        assert everything_seen() == {"membership": 2, "organization": 2}


def test_a_presented_key_shows_itself_and_nothing_else(intruder: Intruder, neighbour: Neighbour) -> None:
    with with_key(neighbour.tenant.token):
        assert everything_seen() == {"api_key": 1}


def test_an_unknown_key_shows_nothing(intruder: Intruder, neighbour: Neighbour) -> None:
    with with_key("tagsite_unknown"):
        assert everything_seen() == {}


def test_the_sealer_sees_how_far_every_organization_is_and_nothing_else(
    intruder: Intruder, neighbour: Neighbour
) -> None:
    with tenancy.sealing():
        assert {intruder.tenant.id, neighbour.tenant.id} <= set(organizations_in("event_stream"))
        assert set(everything_seen()) == {"event_stream", "seal"}


def entered_by_user(neighbour: Neighbour) -> AbstractContextManager[None]:
    return as_user(neighbour.tenant.reviewer.id)


def entered_by_key(neighbour: Neighbour) -> AbstractContextManager[None]:
    return with_key(neighbour.tenant.token)


def entered_by_sealer(neighbour: Neighbour) -> AbstractContextManager[None]:
    return tenancy.sealing()


@pytest.mark.parametrize("table", ["membership", "organization", "api_key", "event_stream"])
@pytest.mark.parametrize("enter", [entered_by_user, entered_by_key, entered_by_sealer])
def test_nothing_can_be_written_before_the_organization_is_known(
    enter: Callable[[Neighbour], AbstractContextManager[None]], table: str, neighbour: Neighbour
) -> None:
    key = key_column(table)
    with enter(neighbour):
        assert execute(f"UPDATE {table} SET {key} = {key}") == 0


# Settings end with their transaction, also on a connection that another request gets next.


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def settings_left() -> set[str]:
    names = (tenancy.ORGANIZATION, tenancy.USER, tenancy.API_KEY_DIGEST, tenancy.SEALING)
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in names))
        return set(cursor.fetchone())


def named_organization(neighbour: Neighbour) -> AbstractContextManager[None]:
    return in_organization(neighbour.tenant.id)


def take_again(pid: int) -> None:
    """The pool lends its connections in turn; go on until it lends this one."""
    for _ in range(100):
        connection.close()
        if backend() == pid:
            return
    raise AssertionError("the pool did not lend the connection again")


each_setting = pytest.mark.parametrize(
    "enter", [named_organization, entered_by_user, entered_by_key, entered_by_sealer]
)


@each_setting
def test_a_setting_is_gone_from_the_connections_next_transaction(
    enter: Callable[[Neighbour], AbstractContextManager[None]], neighbour: Neighbour
) -> None:
    with enter(neighbour):
        used = backend()
        assert settings_left() != {""}

    take_again(used)
    with transaction.atomic():
        assert (settings_left(), everything_seen()) == ({""}, {})


@each_setting
@pytest.mark.parametrize("failing", ["SELECT 1 / 0", "SELECT no_such_column"])
def test_a_setting_is_gone_after_an_error_too(
    failing: str, enter: Callable[[Neighbour], AbstractContextManager[None]], neighbour: Neighbour
) -> None:
    with pytest.raises(DatabaseError, match=r"division|exist"), enter(neighbour):  # noqa: PT012  # any of its statements may raise
        used = backend()
        execute(failing)

    take_again(used)
    with transaction.atomic():
        assert (settings_left(), everything_seen()) == ({""}, {})


@pytest.mark.parametrize("who", WHO)
def test_nothing_is_left_of_a_request(who: str, intruder: Intruder) -> None:
    """Whether it was answered or failed on the way, and whatever transactions its caller was found in."""
    api = intruder.callers[who]
    for path, status in (("/api/task-executions", 200), (f"/api/task-executions/{uuid7()}", 404)):
        assert api.get(path).status_code == status
        assert (settings_left(), everything_seen()) == ({""}, {})


def test_a_transaction_serves_one_organization(intruder: Intruder, neighbour: Neighbour) -> None:
    with (
        pytest.raises(RuntimeError, match="one organization"),
        in_organization(intruder.tenant.id),
        in_organization(neighbour.tenant.id),
    ):
        pass


def test_a_transaction_that_named_no_organization_gets_none_later(neighbour: Neighbour) -> None:
    with (
        pytest.raises(RuntimeError, match=r"^a transaction serves one organization, named at its start$"),
        transaction.atomic(),
        in_organization(neighbour.tenant.id),
    ):
        pass


@pytest.mark.parametrize("naming", [lambda: as_user(uuid7()), tenancy.sealing], ids=["a person", "the sealer"])
def test_who_is_of_no_organization_is_not_let_into_the_transaction_of_one(
    naming: Callable[[], AbstractContextManager[None]], intruder: Intruder
) -> None:
    """The rows of both would show in it."""
    with in_organization(intruder.tenant.id), pytest.raises(RuntimeError, match="durable"), naming():
        pass


def execute(statement: str, *parameters: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def a_row(owner: psycopg.Connection, table: str, organization_id: UUID) -> str:
    query = f"SELECT to_jsonb(t)::text FROM {table} AS t WHERE {key_column(table)} = %s LIMIT 1"
    return str(owner.execute(query, [organization_id]).fetchone()[0])


def insert(table: str, row: str) -> None:
    """In a savepoint, so that the transaction survives the refusal. What PostgreSQL generates is left to it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WRITTEN, [table])
        (columns,) = cursor.fetchone()
        values = f"SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s::jsonb)"
        cursor.execute(f"INSERT INTO {table} ({columns}) {values}", [row])


def refused_by_policy(table: str) -> AbstractContextManager[object]:
    return pytest.raises(ProgrammingError, match=f'violates row-level security policy for table "{table}"')

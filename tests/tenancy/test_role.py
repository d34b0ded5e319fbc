"""The application's database role may do what its work needs and no more; with a more powerful one nothing works."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, connections, transaction

from tags.db.roles import PRIVILEGES, check_application_role
from tests.database import NAME, OWNER_URL, PROJECT
from tests.tenancy.conftest import Intruder
from tests.tenancy.layers import drop_role, make_role
from tests.tenancy.things import tenant_tables

# All that PostgreSQL knows for a table; MAINTAIN exists from version 17 on.
KINDS = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
OF_COLUMNS = ["SELECT", "INSERT", "UPDATE", "REFERENCES"]
OWNER = psycopg.conninfo.conninfo_to_dict(OWNER_URL)["user"]
STATEMENTS = {
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
    "ALTER": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "UNFORCE": "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
    "DROP": "DROP TABLE {table}",
    "POLICY": "DROP POLICY one_organization ON {table}",
    "TRIGGER": "ALTER TABLE {table} DISABLE TRIGGER ALL",
}
OF_TENANTS = sorted(set(PRIVILEGES) - {"django_migrations"})
DENIED = [(kind, table) for table in OF_TENANTS for kind in STATEMENTS if kind not in PRIVILEGES[table].split(", ")]


# Where one column alone may be written, the privilege names it.
_OF_ONE_COLUMN = re.compile(r" \(\w+\)")


def ask(query: str, *parameters: object) -> tuple[object, ...]:
    """As the application's role."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row: tuple[object, ...] = cursor.fetchone()
        return row


def test_the_role_has_no_power_over_the_server() -> None:
    powers = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
    assert ask(f"SELECT {powers} FROM pg_roles WHERE rolname = current_user") == (False,) * 5


def test_the_role_is_a_member_of_no_other() -> None:
    query = "SELECT count(*) FROM pg_auth_members WHERE pg_has_role(current_user, member, 'MEMBER')"
    assert ask(query) == (0,)


def test_the_role_owns_nothing() -> None:
    query = "SELECT count(*) FROM pg_class WHERE pg_has_role(current_user, relowner, 'MEMBER')"
    assert ask(query) == (0,)


def test_the_role_makes_nothing_in_the_schema() -> None:
    assert ask("SELECT has_schema_privilege('public', 'CREATE')") == (False,)


def test_every_table_of_a_tenant_has_its_privileges_listed(owner: psycopg.Connection) -> None:
    assert {*tenant_tables(owner), "organization"} == set(OF_TENANTS)


@pytest.mark.parametrize("table", sorted(PRIVILEGES))
def test_the_role_has_the_listed_privileges_and_no_other(table: str) -> None:
    held = [kind for kind in KINDS if ask("SELECT has_table_privilege(%s, %s)", table, kind)[0]]
    assert held == [kind for kind in PRIVILEGES[table].split(", ") if not _OF_ONE_COLUMN.search(kind)]


@pytest.mark.parametrize("table", sorted(PRIVILEGES))
def test_no_column_gives_more_than_its_table(table: str) -> None:
    held = [kind for kind in OF_COLUMNS if ask("SELECT has_any_column_privilege(%s, %s)", table, kind)[0]]
    assert held == [kind for kind in _OF_ONE_COLUMN.sub("", PRIVILEGES[table]).split(", ") if kind in OF_COLUMNS]


def test_of_a_ticket_its_use_alone_may_be_written(owner: psycopg.Connection) -> None:
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'ws_ticket'::regclass AND attnum > 0"
    names = [name for (name,) in owner.execute(columns)]
    held = [name for name in names if ask("SELECT has_column_privilege('ws_ticket', %s, 'UPDATE')", name)[0]]
    assert held == ["used_at"]


def test_a_tag_is_never_deleted_and_an_event_never_changed() -> None:
    assert "DELETE" not in PRIVILEGES["task_tag"]
    assert PRIVILEGES["event"] == "SELECT, INSERT"


@pytest.mark.parametrize(("kind", "table"), DENIED)
def test_what_is_not_granted_is_denied(kind: str, table: str) -> None:
    column = "organization_id" if table == "event_stream" else "id"
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        connection.cursor().execute(STATEMENTS[kind].format(table=table, column=column))


def test_the_role_cannot_become_the_owner() -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(f"SET ROLE {OWNER}")


def test_the_role_cannot_turn_the_policies_off_for_itself() -> None:
    """`row_security = off` makes a query fail where a policy would have kept rows from it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL row_security = off")
        with pytest.raises(ProgrammingError, match="row-level security"):
            cursor.execute("SELECT * FROM task_tag")


# A more powerful role.


@contextmanager
def working_as(*statements: str) -> Iterator[None]:
    """The owner's connection with the role `{0}` made as told; nothing of it is kept."""
    owner = connections["owner"]
    try:
        with transaction.atomic(using="owner"), owner.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {NAME}_other")
            for statement in statements:
                cursor.execute(statement.format(f"{NAME}_other"))
            cursor.execute(f"SET LOCAL ROLE {NAME}_other")
            yield
            transaction.set_rollback(True, using="owner")
    finally:
        owner.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("ALTER ROLE {0} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {0} BYPASSRLS", "has BYPASSRLS"),
        ("ALTER TABLE task_tag OWNER TO {0}", "owns the tables"),
        (f"GRANT {OWNER} TO {{0}}", "owns the tables"),
    ],
)
def test_a_powerful_role_is_refused(statement: str, sentence: str) -> None:
    with working_as(statement), pytest.raises(ImproperlyConfigured, match=sentence):
        check_application_role(connections["owner"])


def test_a_plain_role_is_accepted() -> None:
    """The control, on the same connection; and the one that the tests work with."""
    with working_as():
        check_application_role(connections["owner"])
    check_application_role(connection)


@pytest.fixture(params=["", "SUPERUSER", "BYPASSRLS", "OWNER"])
def power(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(power: str, owner: psycopg.Connection) -> Iterator[str]:
    """Of a role with this power and with the application's rights on the tables."""
    name = f"{NAME}_powerful"
    url = make_role(name, power if power in ("SUPERUSER", "BYPASSRLS") else "NOSUPERUSER NOBYPASSRLS")
    owner.execute(f"GRANT {OWNER if power == 'OWNER' else NAME} TO {name}")
    yield url
    drop_role(name)


# What a server's worker does that is told nothing of roles: it answers requests, one after the other.
_WORKER = """
from wsgiref.util import setup_testing_defaults
from tagsite.wsgi import application
for _ in range(3):
    environ = {{"PATH_INFO": "/api/task-tags", "QUERY_STRING": "flow_execution_id={execution}"}}
    environ["HTTP_X_API_KEY"] = "{key}"
    setup_testing_defaults(environ)
    application(environ, lambda status, headers: print(status[:3])).close()
"""


def run(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tagsite.settings"}
    return subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_process_answers_requests_with_a_plain_role_alone(power: str, url: str, intruder: Intruder) -> None:
    code = _WORKER.format(execution=intruder.ids.flow_execution, key=intruder.tenant.token)
    result = run(url, "-c", code)

    assert result.stdout.split() == ["500" if power else "200"] * 3
    assert ("PostgreSQL would not keep organizations apart" in result.stderr) == bool(power)


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "OWNER"], indirect=True)
def test_a_command_refuses_a_powerful_role(power: str, url: str) -> None:
    result = run(url, "manage.py", "createorganization", "Refused", "--admin", "nobody")

    assert result.returncode != 0
    assert "PostgreSQL would not keep organizations apart" in result.stderr


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "OWNER"], indirect=True)
def test_the_server_does_not_start_with_a_powerful_role(power: str, url: str) -> None:
    result = run(url, "manage.py", "serve", "--port", "0")

    assert result.returncode == 1
    assert "PostgreSQL would not keep organizations apart" in result.stderr
    assert "Traceback" not in result.stderr

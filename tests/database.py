"""The database of a test run: loaded as a pytest plugin before Django's settings are.

A real server always: the one that DATABASE_URL names (an administrator's URL), or the embedded one under var/test. Each
run makes its database anew and a plain role for the application, as production has it.
"""

import os
import secrets
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tagsite.embedded_postgres import EmbeddedPostgres

PROJECT = Path(__file__).resolve().parent.parent
# Workers of one run (pytest-xdist) have a database each.
NAME = "_".join([os.environ.get("TEST_DATABASE_NAME", "tagsite_test"), os.environ.get("PYTEST_XDIST_WORKER", "main")])
# Where the first process leaves the administrator's URL for its workers: DATABASE_URL is by then the application's.
_ADMINISTRATOR = "TEST_DATABASE_ADMINISTRATOR"


def administrator() -> str:
    if _ADMINISTRATOR not in os.environ:
        os.environ[_ADMINISTRATOR] = os.environ.get("DATABASE_URL") or _embedded()
    return os.environ[_ADMINISTRATOR]


def _embedded() -> str:
    server = EmbeddedPostgres(PROJECT / "var" / "test" / "postgres", durable=False)
    server.start()
    return server.url("postgres", "postgres")


def make_database(admin: str, name: str) -> tuple[str, str]:
    """A new, empty database and the application's role: their URLs for the application and for the owner."""
    password = secrets.token_urlsafe(16)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), password))
    owner = make_conninfo(admin, dbname=name)
    return make_conninfo(owner, user=name, password=password), owner


APPLICATION_URL, OWNER_URL = make_database(administrator(), NAME)
os.environ.update(
    DATABASE_URL=APPLICATION_URL,
    DATABASE_OWNER_URL=OWNER_URL,
    DEBUG="off",
    SECRET_KEY=secrets.token_urlsafe(50),
    ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
    HTTPS="off",
    # The tests log in more often in a minute than people do.
    LOGIN_ATTEMPTS_PER_MINUTE="100000",
    # The tests' servers would seal what thousands of organizations of other tests recorded.
    SEAL_EVENTS="off",
    LOG_LEVEL="WARNING",
)

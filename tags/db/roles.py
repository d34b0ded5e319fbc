"""The application's database role: what it may do, and the check that it may do no more."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

# What the application may do to each of Tagsite's tables. Nothing may be deleted but a membership, a saved view, a
# ticket and a rule (its firings go with it); a tag is removed by an update; an event and a seal are never changed. Of a
# ticket its use alone is written: none can be made to live longer. Django's own tables (sessions, admin log, ...) get
# all four.
PRIVILEGES = {
    "organization": "SELECT, INSERT, UPDATE",
    "membership": "SELECT, INSERT, UPDATE, DELETE",
    "service_account": "SELECT, INSERT, UPDATE",
    "api_key": "SELECT, INSERT, UPDATE",
    "flow": "SELECT, INSERT, UPDATE",
    "flow_execution": "SELECT, INSERT, UPDATE",
    "task_execution": "SELECT, INSERT, UPDATE",
    "task_tag": "SELECT, INSERT, UPDATE",
    "event_stream": "SELECT, INSERT, UPDATE",
    "event": "SELECT, INSERT",
    "seal": "SELECT, INSERT",
    "decision": "SELECT, INSERT, UPDATE (undone_by)",
    "decided_task": "SELECT, INSERT, UPDATE (undone_at)",
    "producer_run": "SELECT, INSERT, UPDATE",
    "rejected_event": "SELECT, INSERT, UPDATE",
    "review_rule": "SELECT, INSERT, UPDATE, DELETE",
    "rule_firing": "SELECT, INSERT, UPDATE",
    "saved_view": "SELECT, INSERT, UPDATE, DELETE",
    "ws_ticket": "SELECT, INSERT, UPDATE (used_at), DELETE",
    "django_migrations": "SELECT",
}
_OTHER_TABLES = "SELECT, INSERT, UPDATE, DELETE"

_POWERS = """
    SELECT rolname, rolsuper, rolbypassrls,
           EXISTS (SELECT FROM pg_class WHERE relname = 'task_tag' AND pg_has_role(rolname, relowner, 'MEMBER'))
    FROM pg_roles WHERE rolname = current_user
"""


def grant_application_privileges(owner: BaseDatabaseWrapper, role: str) -> None:
    """Give the application's role exactly PRIVILEGES, on every table there is; as the owner, after each migration."""
    grantee = sql.Identifier(role)
    with owner.cursor() as cursor:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(grantee))
        cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(grantee))
        cursor.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(grantee))
        for table in owner.introspection.table_names(cursor):
            privileges = sql.SQL(PRIVILEGES.get(table, _OTHER_TABLES))
            cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(privileges, sql.Identifier(table), grantee))


def check_application_role(connection: BaseDatabaseWrapper) -> None:
    """Raise ImproperlyConfigured if row-level security would not hold against this connection's role."""
    with connection.cursor() as cursor:
        cursor.execute(_POWERS)
        role, superuser, bypasses, owns = cursor.fetchone()
    power = "is a superuser" if superuser else "has BYPASSRLS" if bypasses else "owns the tables" if owns else None
    if power:
        raise ImproperlyConfigured(
            f"The database role {role!r} {power}, so PostgreSQL would not keep organizations apart. Connect as a plain"
            " role (DATABASE_URL) and leave the owner's to migrations (DATABASE_OWNER_URL); see docs/configuration.md."
        )


def refuse_powerful_role(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of `connection_created`: no process works with a role that row-level security does not bind."""
    global _checked
    if connection.alias == "default" and not _checked:
        try:
            check_application_role(connection)
        except ImproperlyConfigured:
            connection.close()  # or the next statement would find it open
            raise
        _checked = True


_checked = False

"""What the database's catalog must say of every table that has an organization, also of those still to come."""

import psycopg
import pytest

from tests.tenancy.things import key_column, tenant_tables

POLICIES = """
    SELECT tablename, cmd, permissive, roles = '{public}', qual, with_check FROM pg_policies WHERE schemaname = 'public'
"""
# Key columns of each unique index (primary keys are among them).
UNIQUE_INDEXES = """
    SELECT indrelid::regclass::text, indexrelid::regclass::text,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey))
    FROM pg_index WHERE indisunique AND indrelid = ANY(%s::regclass[])
"""
# Each pair of columns that a foreign key between two of the tables compares.
FOREIGN_KEYS = """
    SELECT conname, conrelid::regclass::text, confrelid::regclass::text,
           array_agg(here.attname::text || ' = ' || there.attname)
    FROM pg_constraint, unnest(conkey, confkey) AS pair(here_number, there_number)
    JOIN pg_attribute AS here ON here.attnum = here_number
    JOIN pg_attribute AS there ON there.attnum = there_number
    WHERE contype = 'f' AND conrelid = ANY(%(tables)s::regclass[]) AND confrelid = ANY(%(tables)s::regclass[])
      AND here.attrelid = conrelid AND there.attrelid = confrelid
    GROUP BY conname, conrelid, confrelid
"""
SAME_ORGANIZATION = "{column} = tagsite_organization()"
# What may be read before the organization is known; nothing may be written then.
BEFORE_THE_ORGANIZATION = {"api_key", "membership", "organization", "event_stream", "seal"}


@pytest.fixture
def tables(owner: psycopg.Connection) -> list[str]:
    return [*tenant_tables(owner), "organization"]


def quoted(tables: list[str]) -> list[str]:
    return [f'"{table}"' for table in tables]


def test_the_tables_of_a_tenant_are_found(tables: list[str]) -> None:
    assert {"task_tag", "task_execution", "flow_execution", "event", "membership", "api_key"} <= set(tables)


def test_row_level_security_is_enabled_and_forced(owner: psycopg.Connection, tables: list[str]) -> None:
    query = "SELECT relname FROM pg_class WHERE oid = ANY(%s::regclass[]) AND relrowsecurity AND relforcerowsecurity"
    assert {name for (name,) in owner.execute(query, [quoted(tables)])} == set(tables)


def test_a_policy_for_all_commands_compares_the_organization_of_what_is_read_and_written(
    owner: psycopg.Connection, tables: list[str]
) -> None:
    covering = {table: (qual, check) for table, command, *_, qual, check in owner.execute(POLICIES) if command == "ALL"}
    same = {table: SAME_ORGANIZATION.format(column=key_column(table)) for table in tables}
    assert covering == {table: (f"({condition})", f"({condition})") for table, condition in same.items()}


def test_policies_bind_every_role(owner: psycopg.Connection) -> None:
    assert {for_everybody for *_, for_everybody, _, _ in owner.execute(POLICIES)} == {True}


def test_no_other_policy_lets_anything_be_written(owner: psycopg.Connection) -> None:
    others = [(table, command) for table, command, *_ in owner.execute(POLICIES) if command != "ALL"]
    assert set(others) == {(table, "SELECT") for table in BEFORE_THE_ORGANIZATION}


def test_every_unique_index_holds_the_organization(owner: psycopg.Connection, tables: list[str]) -> None:
    indexes = owner.execute(UNIQUE_INDEXES, [quoted(tables)]).fetchall()
    assert len(indexes) >= len(tables)
    assert [index for table, index, columns in indexes if key_column(table.strip('"')) not in columns] == []


def test_every_foreign_key_between_them_compares_the_organizations(
    owner: psycopg.Connection, tables: list[str]
) -> None:
    keys = owner.execute(FOREIGN_KEYS, {"tables": quoted(tables)}).fetchall()
    assert len(keys) >= len(tables) - 1
    wanted = {name: f"organization_id = {key_column(parent)}" for name, _, parent, _ in keys}
    assert [name for name, _, _, pairs in keys if wanted[name] not in pairs] == []


def test_no_table_without_an_organization_refers_to_one_with(owner: psycopg.Connection, tables: list[str]) -> None:
    query = """
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND confrelid = ANY(%(tables)s::regclass[]) AND conrelid <> ALL(%(tables)s::regclass[])
    """
    assert owner.execute(query, {"tables": quoted(tables)}).fetchall() == []


def test_every_reference_inside_a_tenant_is_a_foreign_key(owner: psycopg.Connection, tables: list[str]) -> None:
    """A reference that is none could point into another organization."""
    keys = owner.execute(FOREIGN_KEYS, {"tables": quoted(tables)}).fetchall()
    referring = {(table.strip('"'), pair.split(" = ")[0]) for _, table, _, pairs in keys for pair in pairs}
    query = """
        SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE attrelid = ANY(%s::regclass[]) AND atttypid = 'uuid'::regtype AND attname LIKE %s AND NOT attisdropped
    """
    columns = set(owner.execute(query, [quoted(tables), r"%\_id"]).fetchall())
    # A person is in no organization, a batch and a group of decisions have no row, a producer's run is its producer's.
    people = {(table, "user_id") for table in ("decided_task", "decision", "membership", "saved_view", "ws_ticket")}
    without_row = {
        ("event", "batch_id"),
        ("producer_run", "run_id"),
        ("decision", "group_id"),
        ("decision", "batch_id"),
    }
    assert columns - referring == people | without_row


def test_no_view_looks_past_the_policies(owner: psycopg.Connection) -> None:
    """A view reads as its owner does, unless it is made with security_invoker."""
    query = "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
    assert owner.execute(query).fetchall() == []


def test_no_function_runs_with_its_owners_rights(owner: psycopg.Connection) -> None:
    query = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert owner.execute(query).fetchall() == []

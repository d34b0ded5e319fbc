"""The limit of ingest: COPY of the rows that the product has made, into the same tables for another organization."""

import time
from uuid import UUID

import psycopg
from psycopg import sql

from tags.models.ids import uuid7
from tests.database import OWNER_URL

# In the order of their foreign keys. Those in _BEFORE are few and not counted.
_BEFORE = ("organization", "flow")
_TABLES = ("flow_execution", "task_execution", "producer_run", "event")


class Copies:
    """Of one organization's rows; as the owner, since COPY refuses roles that row-level security binds."""

    def __init__(self, organization_id: UUID) -> None:
        self._from, self._to = organization_id, uuid7()

    def seconds(self) -> float:
        """How long all of them take, with their commit."""
        with psycopg.connect(OWNER_URL) as owner:
            for table in _BEFORE:
                self._write(owner, table, self._read(owner, table))
            rows = {table: self._read(owner, table) for table in _TABLES}
            owner.commit()
            before = time.perf_counter()
            for table, data in rows.items():
                self._write(owner, table, data)
            owner.commit()
            return time.perf_counter() - before

    def _columns(self, owner: psycopg.Connection, table: str) -> list[str]:
        query = """
            SELECT attname FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        """
        return [name for (name,) in owner.execute(query, [table])]

    def _read(self, owner: psycopg.Connection, table: str) -> bytes:
        """With the other organization in place of this one."""
        mine = "id" if table == "organization" else "organization_id"
        values = [
            sql.Literal(self._to) if name == mine else sql.Identifier(name) for name in self._columns(owner, table)
        ]
        query = sql.SQL("COPY (SELECT {} FROM {} WHERE {} = {} ORDER BY id) TO STDOUT").format(
            sql.SQL(", ").join(values), sql.Identifier(table), sql.Identifier(mine), sql.Literal(self._from)
        )
        with owner.cursor().copy(query) as copy:
            return b"".join(bytes(part) for part in copy)

    def _write(self, owner: psycopg.Connection, table: str, data: bytes) -> None:
        names = map(sql.Identifier, self._columns(owner, table))
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(", ").join(names))
        with owner.cursor().copy(query) as copy:
            copy.write(data)

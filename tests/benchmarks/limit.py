"""The yardstick: the batch by hand, as fast as PostgreSQL and psycopg can do it with the same guarantees.

One connection of the application's role under row-level security, statements prepared, one round trip for a batch: from
the JSON text of the body to the statuses. It serves the measured batches alone, which only add.
"""

import hashlib
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
import psycopg

from tags.db.exact_json import exact_number
from tags.models.ids import uuid7

_ENTER = "SELECT set_config('tagsite.organization_id', %s, true)"

# Divides by zero, and so ends the batch, unless each of the flow executions is there.
_LOCK = """
    SELECT 1 / (count(*) = cardinality(%(ids)b::uuid[]))::int FROM (
        SELECT FROM flow_execution
        WHERE organization_id = %(organization)b AND id = ANY(%(ids)b::uuid[]) AND status <> 'deleted'
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked
"""

# A tag that is active already, or twice in the batch, meets the unique index and is left out of `added`.
_ADD = """
    INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                          metadata_digest, status, created_at, modified_by)
    SELECT wanted.id, %(organization)b, flow_execution_id, task_name, tag, tag_type, tag_metadata,
           substr(%(digests)b::bytea, ordinal::int * 32 - 31, 32), 'active', moment, 'integration'
    FROM (SELECT clock_timestamp() AS moment OFFSET 0) AS clock,
         ROWS FROM (
             unnest(%(ids)b::uuid[]),
             jsonb_to_recordset(%(body)t::jsonb -> 'tags') AS (
                 flow_execution_id uuid, task_name text, tag text, tag_type text, tag_metadata jsonb)
         ) WITH ORDINALITY AS wanted(id, flow_execution_id, task_name, tag, tag_type, tag_metadata, ordinal)
    WHERE 1 / EXISTS (
        SELECT FROM task_execution
        WHERE organization_id = %(organization)b AND task_execution.flow_execution_id = wanted.flow_execution_id
          AND task_execution.task_name = wanted.task_name
    )::int = 1
    ON CONFLICT DO NOTHING
    RETURNING id
"""

_RECORD = """
    WITH added AS MATERIALIZED (
        SELECT id, flow_execution_id, organization_id, task_name, tag, tag_type, tag_metadata, status,
               created_at, updated_at, modified_by
        FROM task_tag WHERE organization_id = %(organization)b AND id = ANY(%(ids)b::uuid[])
    ), stream AS (
        UPDATE event_stream SET position = position + (SELECT count(*) FROM added)
        WHERE organization_id = %(organization)b
        RETURNING position - (SELECT count(*) FROM added) AS before
    )
    INSERT INTO event (id, organization_id, position, type, flow_execution_id, task_name,
                       actor, time, request_id, batch_id, data)
    SELECT uuidv7(), organization_id, before + row_number() OVER (ORDER BY id), 'task_tag.added', flow_execution_id,
           task_name, %(actor)t, created_at, %(request_id)t, %(batch_id)b, to_jsonb(added)
    FROM added, stream
"""


_TAGS = """
    SELECT json_agg(json_build_object(
        'id', id, 'flow_execution_id', flow_execution_id, 'organization_id', organization_id,
        'task_name', task_name, 'tag', tag, 'tag_type', tag_type,
        'tag_metadata', tag_metadata, 'status', status, 'created_at', created_at,
        'updated_at', updated_at, 'modified_by', modified_by
    ) ORDER BY created_at, id)::text
    FROM task_tag
    WHERE organization_id = %(organization)b AND flow_execution_id = %(execution)b AND status = 'active'
      AND EXISTS (SELECT FROM flow_execution
                  WHERE organization_id = %(organization)b AND id = %(execution)b AND status <> 'deleted')
"""


class _Operation(msgspec.Struct):
    operation: Literal["add"]
    flow_execution_id: UUID
    tag_metadata: Any = None


class _Body(msgspec.Struct):
    tags: list[_Operation]


_decode = msgspec.json.Decoder(_Body, float_hook=exact_number).decode
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def digest(metadata: Any) -> bytes:
    """Equal to exact_json.canonical_digest for what the measured batches hold, and faster."""
    return hashlib.sha256(_canonical(metadata)).digest()


class Limit:
    """One client: a connection of its own."""

    def __init__(self, url: str, organization_id: UUID, actor: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=0, options="-c timezone=UTC")
        self._organization_id = organization_id
        self._actor = actor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def patch(self, body: bytes) -> bytes:
        """The body of PATCH /api/task-tags to the body of its response."""
        operations = _decode(body).tags
        ids = [uuid7() for _ in operations]
        parameters = {
            "organization": self._organization_id,
            "ids": ids,
            "body": body.decode(),
            "digests": b"".join([digest(operation.tag_metadata) for operation in operations]),
            "actor": self._actor,
            "request_id": "01K8KABR6S16YETA2SZPVBS9SP",
            "batch_id": uuid7(),
        }
        executions = list({operation.flow_execution_id for operation in operations})
        execute = self._connection.execute
        with self._connection.pipeline():
            self._begin()
            execute(_LOCK, {"organization": self._organization_id, "ids": executions})
            adding = execute(_ADD, parameters, binary=True)
            execute(_RECORD, parameters)
            execute("COMMIT")
        added = {id for (id,) in adding}
        statuses = [{"status": "added" if id in added else "already_exists"} for id in ids]
        return msgspec.json.encode({"tags": statuses})

    def get(self, execution_id: UUID) -> bytes:
        """The body of GET /api/task-tags?flow_execution_id=..."""
        parameters = {"organization": self._organization_id, "execution": execution_id}
        with self._connection.pipeline():
            self._begin()
            reading = self._connection.execute(_TAGS, parameters)
            self._connection.execute("COMMIT")
        row = reading.fetchone()
        assert row is not None
        text: str = row[0]
        return text.encode()

    def _begin(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute(_ENTER, [str(self._organization_id)])

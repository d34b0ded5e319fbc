"""The desk's database: two organizations that differ in their size alone, with 1,000 and 1,000,000 task executions.

The pages only read, so that it is loaded once and used as it is.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks import words
from tests.benchmarks.preload import PROJECT, drop, manage

DATABASE = "desk"

# Of ten tasks one waits and four are approved; of a hundred that wait a few do so for two reasons, or failed. The rows
# are right by construction, so the load leaves out triggers (foreign keys).
_LOAD = """
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET timezone = 'UTC';

    INSERT INTO organization (id, name, created_at, waiting_tags)
    VALUES (%(organization)s, %(name)s, now(), '["pending_approval", "requires_review", "requires_attention"]');
    INSERT INTO flow (id, organization_id, name, created_at)
    SELECT uuidv7(), %(organization)s, name, now() FROM unnest(%(flows)s::text[]) AS name;

    INSERT INTO flow_execution (id, organization_id, flow_id, flow_version, status, input,
                                created_at, updated_at, modified_by)
    SELECT uuidv7(age), %(organization)s, flow.ids[1 + number %% cardinality(flow.ids)], 1, 'completed',
           jsonb_build_object('file', format('invoice-%%s.pdf', number)), now() + age, now() + age, 'system'
    FROM generate_series(1, %(executions)s) AS number,
         LATERAL (SELECT (number - %(executions)s - 1) * interval '90 days' / %(executions)s AS age),
         (SELECT array_agg(id ORDER BY name) AS ids FROM flow WHERE organization_id = %(organization)s) AS flow;

    CREATE TEMP TABLE task AS
    SELECT uuidv7() AS id, execution.id AS flow_execution_id, task_name, execution.created_at,
           row_number() OVER (ORDER BY execution.created_at, task_name) AS number
    FROM flow_execution AS execution, unnest(%(tasks)s::text[]) AS task_name
    WHERE execution.organization_id = %(organization)s;

    INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
                                processing_status, edited_status, stale_status, input, output, error,
                                created_at, updated_at, modified_by)
    SELECT id, %(organization)s, flow_execution_id, task_name, 0,
           CASE number %% 50 WHEN 20 THEN 'failed' ELSE 'completed' END, 'not_edited', 'consistent',
           jsonb_build_object('file', format('invoice-%%s.pdf', number), 'pages', number %% 7, 'language', 'de'),
           jsonb_build_object('total', number %% 9973 / 7.0, 'currency', 'EUR',
                              'supplier', format('Supplier %%s', number %% 499), 'confidence', number %% 100 / 100.0,
                              'lines', jsonb_build_array(1, 2, number)),
           CASE number %% 50 WHEN 20 THEN '{"message": "The second page cannot be read"}'::jsonb END,
           created_at, created_at, 'system'
    FROM task ORDER BY number;

    CREATE TEMP TABLE tag AS
    SELECT uuidv7() AS id, task.flow_execution_id, task.task_name, of_task.tag, task.created_at, task.number,
           CASE WHEN of_task.tag = 'approved' THEN (%(people)s::text[])[1 + task.number / 10 %% 3]
                WHEN task.number / 10 %% 5 = 0 THEN 'rule' ELSE 'integration' END AS modified_by
    FROM task, LATERAL (
        SELECT CASE number / 10 %% 10 WHEN 0 THEN 'requires_attention' WHEN 1 THEN 'requires_review'
                                      WHEN 2 THEN 'requires_review' ELSE 'pending_approval' END AS tag
        WHERE number %% 10 = 0
        UNION ALL SELECT 'requires_attention' WHERE number %% 200 = 10
        UNION ALL SELECT 'approved' WHERE number %% 10 IN (1, 3, 5, 7)
        UNION ALL SELECT 'low-confidence' WHERE number %% 15 = 0
    ) AS of_task;

    INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                          metadata_digest, status, created_at, modified_by)
    SELECT id, %(organization)s, flow_execution_id, task_name, tag, 'review', NULL, %(digest)s, 'active',
           created_at, modified_by
    FROM tag ORDER BY number;

    INSERT INTO event (id, organization_id, position, type, flow_execution_id, task_name,
                       actor, time, request_id, batch_id, data)
    SELECT uuidv7(), %(organization)s, row_number() OVER (ORDER BY number, nth), type, flow_execution_id, task_name,
           'service_account:' || %(organization)s, created_at, '01K8KABR6S16YETA2SZPVBS9SP', id, data
    FROM (
        SELECT id, number, 0 AS nth, 'task_execution.created' AS type, flow_execution_id, task_name, created_at,
               jsonb_build_object('task_name', task_name, 'task_execution_idx', 0, 'processing_status', 'completed')
        FROM task
        UNION ALL
        SELECT id, number, 1, 'task_tag.added', flow_execution_id, task_name, created_at,
               jsonb_build_object('id', id, 'tag', tag, 'tag_type', 'review', 'tag_metadata', NULL)
        FROM tag
    ) AS happened (id, number, nth, type, flow_execution_id, task_name, created_at, data);

    INSERT INTO event_stream (organization_id, position)
    SELECT %(organization)s, count(*) FROM event WHERE organization_id = %(organization)s;
    DROP TABLE task, tag;
"""


@dataclass(frozen=True)
class Size:
    """An organization of the database."""

    name: str
    organization_id: UUID
    task_executions: int


SMALL = Size("1,000", UUID("01900000-0000-7000-8000-000000000002"), 1_000)
LARGE = Size("1,000,000", UUID("01900000-0000-7000-8000-000000000003"), 1_000_000)
SIZES = (SMALL, LARGE)
PEOPLE = [f"01900000-0000-7000-8000-00000000001{number}" for number in range(3)]


def prepare(server: EmbeddedPostgres, *, fresh: bool) -> None:
    """Load the database unless one of the current schema exists."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        if not fresh and _stored_mark(admin) == _mark():
            return
        drop(admin, DATABASE)
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        manage(server, DATABASE, "migrate", "--verbosity", "0")
        _load(server.url("postgres", DATABASE))
        manage(server, DATABASE, "seal_events")  # or the sealer would do it beside what is measured
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(DATABASE), _mark()))


def _load(url: str) -> None:
    from tags.db.exact_json import canonical_digest

    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        for size in SIZES:
            parameters = {
                "organization": size.organization_id,
                "name": f"{size.name} task executions",
                "executions": size.task_executions // len(words.TASKS),
                "flows": words.FLOWS,
                "tasks": words.TASKS,
                "people": PEOPLE,
                "digest": canonical_digest(None),
            }
            owner.execute(_LOAD, parameters)
        owner.execute("VACUUM (ANALYZE)")


def _mark() -> str:
    """Changes with the schema and with what is loaded."""
    sources = [*sorted((PROJECT / "tags" / "migrations").glob("*.py")), Path(__file__), Path(words.__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def _stored_mark(admin: psycopg.Connection) -> str | None:
    statement = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    row = admin.execute(statement, [DATABASE]).fetchone()
    return row[0] if row else None

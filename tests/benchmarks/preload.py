"""The database under measurement: one organization with a million active tags and a million events.

It is loaded once into a database that serves as template; each run works in a fresh copy of it.
"""

import hashlib
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import django
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks import words

PROJECT = Path(__file__).resolve().parent.parent.parent
FOLDER = PROJECT / "var" / "bench"
ORGANIZATION = UUID("01900000-0000-7000-8000-000000000001")
FLOW_EXECUTIONS = 20_000
TAGS_PER_TASK = 10
TAGS_PER_EXECUTION = TAGS_PER_TASK * len(words.TASKS)

DATABASE = "bench"
_TEMPLATE = "preloaded"

# The rows are right by construction, so the load leaves out triggers (foreign keys).
_LOAD = """
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET timezone = 'UTC';

    CREATE TEMP TABLE word AS SELECT %(tasks)s::text[] AS tasks, %(tags)s::text[] AS tags, %(types)s::text[] AS types;
    CREATE TEMP TABLE metadata AS
    SELECT * FROM ROWS FROM (unnest(%(metadata)s::jsonb[]), unnest(%(digests)s::bytea[]))
        WITH ORDINALITY AS metadata(value, digest, number);
    CREATE UNIQUE INDEX ON metadata (number);

    INSERT INTO organization (id, name, created_at, waiting_tags) VALUES (%(organization)s, 'Acme', now(), '[]');
    INSERT INTO flow (id, organization_id, name, created_at)
    SELECT uuidv7(), %(organization)s, name, now() FROM unnest(%(flows)s::text[]) AS name;

    INSERT INTO flow_execution (id, organization_id, flow_id, flow_version, status, input,
                                created_at, updated_at, modified_by)
    SELECT uuidv7(age), %(organization)s, flow.ids[1 + number %% cardinality(flow.ids)], 1, 'completed',
           jsonb_build_object('file', format('invoice-%%s.pdf', number)), now() + age, now() + age, 'system'
    FROM generate_series(1, %(executions)s) AS number,
         LATERAL (SELECT (number - %(executions)s - 1) * interval '1 minute' AS age),
         (SELECT array_agg(id) AS ids FROM flow) AS flow;

    INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
                                processing_status, edited_status, stale_status, output,
                                created_at, updated_at, modified_by)
    SELECT uuidv7(), %(organization)s, flow_execution.id, task_name, 0, 'completed', 'not_edited', 'consistent',
           '{"total": 118.5, "currency": "EUR"}', created_at, created_at, 'system'
    FROM flow_execution, word, unnest(word.tasks) AS task_name ORDER BY flow_execution.id;

    INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                          metadata_digest, status, created_at, modified_by)
    SELECT uuidv7(), %(organization)s, task.flow_execution_id, task.task_name,
           word.tags[1 + (task.number * 7 + nth) %% cardinality(word.tags)],
           word.types[1 + (task.number + nth) %% cardinality(word.types)],
           metadata.value, metadata.digest, 'active', task.created_at, 'integration'
    FROM (SELECT row_number() OVER (ORDER BY flow_execution_id, task_name) AS number, * FROM task_execution) AS task,
         generate_series(1, %(tags_per_task)s) AS nth, word,
         LATERAL (SELECT 1 + (task.number + 3 * nth) %% %(metadata_count)s AS number) AS pick
         JOIN metadata USING (number)
    ORDER BY task.number, nth;

    INSERT INTO event (id, organization_id, position, type, flow_execution_id, task_name,
                       actor, time, request_id, batch_id, data)
    SELECT uuidv7(), organization_id, row_number() OVER (ORDER BY id), 'task_tag.added', flow_execution_id, task_name,
           'service_account:' || organization_id, created_at, '01K8KABR6S16YETA2SZPVBS9SP', organization_id,
           to_jsonb(task_tag) - 'metadata_digest'
    FROM task_tag ORDER BY id;

    INSERT INTO event_stream (organization_id, position)
    SELECT %(organization)s, count(*) FROM event;
"""


@dataclass(frozen=True)
class Database:
    """A fresh copy of the preloaded database: its URLs for the application and for the owner."""

    url: str
    owner_url: str
    executions: list[UUID]


def prepare(server: EmbeddedPostgres, *, fresh: bool) -> Database:
    """Load the template unless one of the current schema exists, and copy it."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        if fresh or _mark_of_template(admin) != _mark():
            drop(admin, _TEMPLATE)
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
            manage(server, _TEMPLATE, "migrate", "--verbosity", "0")
            _load(server.url("postgres", _TEMPLATE))
            # Or the sealer would have a million events to work off beside what is measured.
            manage(server, _TEMPLATE, "seal_events")
            comment = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(_TEMPLATE), _mark())
            admin.execute(comment)
        drop(admin, DATABASE)
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        admin.execute(copy.format(sql.Identifier(DATABASE), sql.Identifier(_TEMPLATE)))
        admin.execute("CHECKPOINT")
    owner_url = server.url("postgres", DATABASE)
    with psycopg.connect(owner_url) as owner:
        ids = [id for (id,) in owner.execute("SELECT id FROM flow_execution ORDER BY id")]
    return Database(server.url("tagsite", DATABASE), owner_url, ids)


def configure(server: EmbeddedPostgres, database: str) -> None:
    """Django's settings for this process and the server: as in production, without HTTPS."""
    os.environ.update(
        DATABASE_URL=server.url("tagsite", database),
        DATABASE_OWNER_URL=server.url("postgres", database),
        VAR_DIR=str(FOLDER),
        DEBUG="off",
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS="127.0.0.1",
        HTTPS="off",
        LOG_LEVEL="INFO",
        DJANGO_SETTINGS_MODULE="tagsite.settings",
    )
    django.setup()


def drop(admin: psycopg.Connection, database: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _mark() -> str:
    """Changes with the schema, with what is loaded and with how its digests are made."""
    sources = [*sorted((PROJECT / "tags" / "migrations").glob("*.py")), PROJECT / "tags" / "db" / "exact_json.py"]
    content = b"".join(path.read_bytes() for path in [*sources, Path(__file__), Path(words.__file__)])
    return hashlib.sha256(content).hexdigest()


def _mark_of_template(admin: psycopg.Connection) -> str | None:
    statement = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    row = admin.execute(statement, [_TEMPLATE]).fetchone()
    return row[0] if row else None


def manage(server: EmbeddedPostgres, database: str, *command: str) -> None:
    urls = {
        "DATABASE_URL": server.url("tagsite", database),
        "DATABASE_OWNER_URL": server.url("postgres", database),
        "DEBUG": "on",
    }
    subprocess.run([sys.executable, "manage.py", *command], cwd=PROJECT, env={**os.environ, **urls}, check=True)


def _load(url: str) -> None:
    from tags.db.exact_json import canonical_digest

    values = words.preloaded_metadata()
    parameters = {
        "organization": ORGANIZATION,
        "executions": FLOW_EXECUTIONS,
        "tags_per_task": TAGS_PER_TASK,
        "flows": words.FLOWS,
        "tasks": words.TASKS,
        "tags": words.TAGS,
        "types": words.TAG_TYPES,
        "metadata": [None if value is None else Jsonb(value) for value in values],
        "digests": [canonical_digest(value) for value in values],
        "metadata_count": len(values),
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(_LOAD, parameters)
        owner.execute("VACUUM (ANALYZE)")

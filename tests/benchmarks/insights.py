"""The activity and Insights at a thousand events and at a million: `python -m tests.benchmarks.insights`.

Prints the server's time for each page, from the request to its last byte, without a network.
"""

import os
import secrets
import statistics
import time
from uuid import UUID

import django
import psycopg

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks import preload, words

_ROUNDS = 15
_ORGANIZATIONS = {
    1_000: UUID("01900000-0000-7000-8000-00000000a001"),
    1_000_000: UUID("01900000-0000-7000-8000-00000000a002"),
}
_PAGES = {
    "activity": "/activity",
    "activity, decisions": "/activity?type=decisions",
    "activity, one person": "/activity?actor=user:{user}",
    "activity, a rare tag": "/activity?tag=rare",
    "activity, a flow without events": "/activity?flow=idle",
    "activity, halfway back": "/activity?before={half}",
    "activity, one day": "/activity?since={day}&until={day}",
    "insights, 7 days": "/insights?days=7",
    "insights, 30 days": "/insights?days=30",
    "insights, 90 days": "/insights?days=90",
    "insights, 90 days, one flow": "/insights?days=90&flow=Claims",
    "decisions of 90 days as CSV": "/insights/decisions.csv?days=90",
}

# Ten events for each task: its run's and its own report, two waiting tags, what a person decided about one of them,
# and others. A tenth of the tasks still waits. Everything happened within 90 days.
_LOAD = """
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET timezone = 'UTC';
    INSERT INTO organization (id, name, created_at, waiting_tags)
    VALUES (%(organization)s, 'Figures', now(), '["pending_approval"]');
    INSERT INTO event_stream (organization_id, position) VALUES (%(organization)s, %(events)s);
    INSERT INTO membership (id, organization_id, user_id, role, created_at)
    VALUES (uuidv7(), %(organization)s, %(user)s, 'reviewer', now());
    INSERT INTO flow (id, organization_id, name, created_at)
    SELECT uuidv7(), %(organization)s, name, now() FROM unnest(%(flows)s::text[]) AS name;

    CREATE TEMP TABLE task AS
    SELECT number, uuidv7() AS run, uuidv7() AS id, gen_random_uuid() AS decision, uuidv7() AS batch,
           flow.ids[1 + number %% (cardinality(flow.ids) - 1)] AS flow, 'extract_fields'::text AS name,
           now() - (1 - number::float8 / (%(events)s / 10)) * interval '90 days' - interval '1 minute' AS at,
           number %% 10 <> 0 AS is_decided, (1 + number * 7919 %% 600) * interval '1 minute' AS waited
    FROM generate_series(1, %(events)s / 10) AS number,
         (SELECT array_agg(id ORDER BY name = 'idle', name) AS ids FROM flow WHERE organization_id = %(organization)s)
         AS flow;

    INSERT INTO flow_execution (id, organization_id, flow_id, flow_version, status, input, created_at, updated_at,
                                modified_by)
    SELECT run, %(organization)s, flow, 1, 'completed', '{}', at, at, 'system' FROM task;
    INSERT INTO task_execution (id, organization_id, flow_execution_id, task_name, task_execution_idx,
                                processing_status, edited_status, stale_status, output, created_at, modified_by)
    SELECT id, %(organization)s, run, name, 0, 'completed', 'not_edited', 'consistent', '{"total": 118.5}', at, 'system'
    FROM task;
    INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                          metadata_digest, status, created_at, updated_at, modified_by)
    SELECT uuidv7(), %(organization)s, run, name, 'pending_approval', 'review', NULL, %(digest)s,
           CASE WHEN is_decided THEN 'deleted' ELSE 'active' END, at - waited, CASE WHEN is_decided THEN at END,
           'system'
    FROM task;
    INSERT INTO event (id, organization_id, position, type, flow_execution_id, task_name, actor, time, request_id,
                       batch_id, data)
    SELECT gen_random_uuid(), %(organization)s, (number - 1) * 10 + nth,
           CASE WHEN nth = 1 THEN 'flow_execution.created' WHEN nth <= 4 THEN 'task_execution.created'
                WHEN nth = 9 AND is_decided THEN 'task_tag.removed' ELSE 'task_tag.added' END,
           run, CASE WHEN nth = 1 THEN '' ELSE name END,
           CASE WHEN nth < 9 OR NOT is_decided THEN 'service_account:' || %(organization)s
                WHEN number %% 100 = 7 THEN 'user:' || %(user)s ELSE 'user:' || flow END,
           at, '01K8KABR6S16YETA2SZPVBS9SP',
           CASE WHEN nth >= 9 AND is_decided THEN batch ELSE md5(number::text || nth / 4)::uuid END,
           jsonb_build_object(
               'id', id, 'flow_execution_id', run, 'task_name', name, 'processing_status', 'completed',
               'tag', CASE WHEN nth = 10 AND is_decided THEN 'approved' WHEN number %% 20000 = 77 THEN 'rare'
                           ELSE 'pending_approval' END,
               'tag_type', 'review', 'tag_metadata', NULL, 'task_execution_idx', 0, 'created_at', at)
    FROM task, generate_series(1, 10) AS nth ORDER BY number, nth;
    INSERT INTO decision (id, organization_id, group_id, user_id, kind, note, changes, created_at, batch_id, position)
    SELECT decision, %(organization)s, decision, %(user)s, 'approve', '',
           jsonb_build_array(jsonb_build_array('remove', run, name, 'pending_approval', 'review', NULL),
                             jsonb_build_array('add', run, name, 'approved', 'review', NULL)), at, batch, number * 10
    FROM task WHERE is_decided;
    INSERT INTO decided_task (id, organization_id, decision_id, kind, user_id, flow_id, flow_execution_id, task_name,
                              decided_at, waiting_since)
    SELECT gen_random_uuid(), %(organization)s, decision, 'approve', %(user)s, flow, run, name, at, at - waited
    FROM task WHERE is_decided;
    DROP TABLE task;
"""


def main() -> None:
    server = EmbeddedPostgres(preload.FOLDER / "postgres", durable=True)
    started = server.start()
    try:
        _configure(server)
        users = {events: _load(server, events, id) for events, id in _ORGANIZATIONS.items()}
        _measure(users)
    finally:
        if started:
            server.stop()


def _configure(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS figures WITH (FORCE)")
        admin.execute("CREATE DATABASE figures")
    os.environ.update(
        DATABASE_URL=server.url("tagsite", "figures"),
        DATABASE_OWNER_URL=server.url("postgres", "figures"),
        DEBUG="off",
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS="testserver",
        HTTPS="off",
        LOG_LEVEL="WARNING",
        DJANGO_SETTINGS_MODULE="tagsite.settings",
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _load(server: EmbeddedPostgres, events: int, organization: UUID) -> UUID:
    from tags.actions.organizations import create_user
    from tags.db.exact_json import canonical_digest

    user: UUID = create_user(f"person-{events}").id
    with psycopg.connect(
        server.url("postgres", "figures"), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as owner:
        parameters = {
            "organization": organization,
            "events": events,
            "user": user,
            "flows": [*words.FLOWS, "idle"],
            "digest": canonical_digest(None),
        }
        owner.execute(_LOAD, parameters)
        owner.execute("VACUUM (ANALYZE)")
    return user


def _measure(users: dict[int, UUID]) -> None:
    from datetime import UTC, datetime, timedelta

    from django.contrib.auth import get_user_model
    from django.test import Client

    clients = {}
    for events, user in users.items():
        clients[events] = Client()
        clients[events].force_login(get_user_model().objects.get(id=user))
    print(f"{'page':34}" + "".join(f"{events:>26,} events" for events in clients))
    for name, path in _PAGES.items():
        line = f"{name:34}"
        for events, client in clients.items():
            day = (datetime.now(UTC) - timedelta(days=45)).date()
            asked = path.format(user=users[events], half=events // 2, day=day)
            times = sorted(_seconds(client, asked) for _ in range(_ROUNDS))
            line += f"{statistics.median(times) * 1000:>18.1f} ms ({times[-2] * 1000:.0f})"
        print(line, flush=True)


def _seconds(client: object, path: str) -> float:
    headers = {"HX-Request": "true"} if path.startswith("/insights?") else {}  # its figures, not the page around them
    begun = time.perf_counter()
    response = client.get(path, headers=headers)  # type: ignore[attr-defined]  # a Client; its module needs Django
    b"".join(response.streaming_content) if response.streaming else response.content
    assert response.status_code == 200, path
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()

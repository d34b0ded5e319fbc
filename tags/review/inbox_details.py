"""What the inbox shows of each task. Everything here runs inside `in_organization`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from tags.db import exact_json
from tags.review.inbox_listed import Key

# What a row shows: nothing of it is longer than a line, and what is large is not read for it.
_DETAILS = """
    SELECT wanted.ordinal, run.id, run.task_execution_idx, run.processing_status, run.edited_status, flow.name,
           pg_column_size(run.output) > 30000, pg_column_size(run.error) > 30000,
           CASE WHEN pg_column_size(run.output) <= 30000 THEN left(run.output::text, 500) END,
           CASE WHEN pg_column_size(run.error) > 30000 THEN NULL
                WHEN jsonb_typeof(run.error -> 'message') = 'string'
                THEN jsonb_build_object('message', left(run.error ->> 'message', 400))::text
                ELSE left(run.error::text, 500) END,
           (
               SELECT jsonb_agg(jsonb_build_object(
                   'id', id, 'tag', tag, 'tag_type', tag_type, 'created_at', created_at, 'modified_by', modified_by,
                   'note', left(CASE WHEN jsonb_typeof(tag_metadata) = 'object' THEN coalesce(
                       tag_metadata ->> 'note', tag_metadata ->> 'why', tag_metadata ->> 'reason') END, 500),
                   'metadata', left(tag_metadata::text, 300)) ORDER BY is_waiting DESC, created_at, id)
               FROM (
                   SELECT task_tag.*, tag = ANY(%(waiting)s::text[]) AS is_waiting FROM task_tag
                   WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
                     AND task_name = wanted.task_name AND status = 'active'
                   ORDER BY is_waiting DESC, created_at, id LIMIT 12
               ) AS shown
           )::text
    FROM unnest(%(flow_execution_ids)s::uuid[], %(task_names)s::text[]) WITH ORDINALITY
         AS wanted(flow_execution_id, task_name, ordinal)
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = wanted.flow_execution_id
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    CROSS JOIN LATERAL (
        SELECT * FROM task_execution
        WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
          AND task_name = wanted.task_name
        ORDER BY task_execution_idx DESC LIMIT 1
    ) AS run
    ORDER BY wanted.ordinal
"""


@dataclass(frozen=True, slots=True)
class Details:
    """Of a task's newest run. Texts of JSON, cut; None for nothing, or for what is too large to be shown."""

    task_execution_id: UUID
    idx: int
    status: str
    edited_status: str
    flow_name: str
    has_large_output: bool
    has_large_error: bool
    output: str | None
    error: str | None
    tags: list[dict[str, Any]]


def details(keys: Sequence[Key], parameters: Mapping[str, Any]) -> list[tuple[Key, Details]]:
    """Of these tasks, in their order."""
    of_keys: dict[str, Any] = {
        "flow_execution_ids": [key.flow_execution_id for key in keys],
        "task_names": [key.task_name for key in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(_DETAILS, {**parameters, **of_keys})
        rows = cursor.fetchall()
    return [
        (keys[ordinal - 1], Details(*[*shown, exact_json.loads(tags) if tags else []]))
        for ordinal, *shown, tags in rows
    ]

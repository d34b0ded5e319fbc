"""Events as their readers get them: CloudEvents 1.0 in JSON, built by PostgreSQL."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from tags.db.rows import stream_sql

# CloudEvents 1.0.2, with its official `sequence` extension: the position, as a text that sorts like the number.
CLOUD_EVENT = """
    json_build_object(
        'specversion', '1.0',
        'id', event.id,
        'source', '/organizations/' || event.organization_id,
        'type', 'tagsite.' || event.type,
        'subject', event.flow_execution_id || CASE WHEN event.task_name = '' THEN '' ELSE '/' || event.task_name END,
        'time', event.time,
        'sequence', lpad(event.position::text, 19, '0'),
        'datacontenttype', 'application/json',
        'actor', event.actor,
        'requestid', event.request_id,
        'batchid', event.batch_id,
        'data', event.data
    )
"""

_AFTER = f"""
    SELECT event.position, {CLOUD_EVENT}::text FROM event
    WHERE organization_id = %(organization_id)s AND position > %(after)s
    ORDER BY position LIMIT %(limit)s
"""


def current_position(organization_id: UUID) -> int:
    """The position of the newest event; 0 before the first. Inside `in_organization`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM event_stream WHERE organization_id = %s", [organization_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def events_after(organization_id: UUID, after: int, limit: int) -> Iterator[tuple[int, str]]:
    """The next events in order: position and CloudEvent as a JSON text. Inside `in_organization`."""
    return stream_sql(_AFTER, {"organization_id": organization_id, "after": after, "limit": limit})

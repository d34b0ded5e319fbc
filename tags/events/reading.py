"""Events as their readers get them: CloudEvents 1.0 in JSON, built by PostgreSQL."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from django.db import connection
from pydantic import BeforeValidator

from tags.db.rows import stream_sql
from tags.models import EventType

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
    WHERE organization_id = %(organization_id)s AND position > %(after)s AND position <= %(last)s
      AND (%(flow_execution_id)s::uuid IS NULL OR flow_execution_id = %(flow_execution_id)s)
      AND (%(task_name)s::text IS NULL OR task_name = %(task_name)s)
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
      AND (%(tag_type)s::text IS NULL OR data ->> 'tag_type' = %(tag_type)s)
    ORDER BY position LIMIT %(limit)s
"""
_KEPT = """
    SELECT coalesce((SELECT min(position) FROM event WHERE organization_id = %(organization_id)s), 1), position
    FROM event_stream WHERE organization_id = %(organization_id)s
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events a reader wants; what is None is not asked for."""

    flow_execution_id: str | None = None
    task_name: str | None = None
    types: Collection[str] | None = None
    tag_type: str | None = None


def without_prefix(event_type: Any) -> Any:
    """CloudEvents' types begin with `tagsite.`; who selects by type may write it or leave it out."""
    return event_type.removeprefix("tagsite.") if isinstance(event_type, str) else event_type


EventTypeName = Annotated[EventType, BeforeValidator(without_prefix)]


def current_position(organization_id: UUID) -> int:
    """The position of the newest event; 0 before the first. Inside `in_organization`."""
    return kept_positions(organization_id)[1]


def kept_positions(organization_id: UUID) -> tuple[int, int]:
    """The oldest position that is kept and the newest: 1 and 0 before the first event. Inside `in_organization`."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, {"organization_id": organization_id})
        oldest, newest = cursor.fetchone() or (1, 0)
    return int(oldest), int(newest)


def events_after(
    organization_id: UUID, after: int, last: int, limit: int, selection: Selection
) -> Iterator[tuple[int, str]]:
    """The selected events up to position `last`, in order: position and CloudEvent as a JSON text.

    Inside `in_organization`. Looks at each event between `after` and `last`: keep them no further apart than needed.
    """
    types = None if selection.types is None else list(selection.types)
    parameters = {"organization_id": organization_id, "after": after, "last": last, "limit": limit}
    return stream_sql(_AFTER, {**parameters, **asdict(selection), "types": types})

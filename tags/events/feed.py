"""What the live relay reads: events with what subscriptions select by, and the newest position."""

import json
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from tags.db.tenancy import reading_organization
from tags.events.reading import CLOUD_EVENT, Selection

# Read at once: events, and bytes of their data after which no further one is taken.
MOST_EVENTS = 500
_MOST_BYTES = 4 * 2**20

_POSITION = "SELECT position FROM event_stream WHERE organization_id = %(organization_id)s"
_NEXT = f"""
    SELECT event.position, event.type, event.flow_execution_id::text, event.task_name, event.data ->> 'tag_type',
           {CLOUD_EVENT}::text
    FROM (
        SELECT *, sum(pg_column_size(data)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)
                  - pg_column_size(data) AS bytes_before
        FROM event
        WHERE organization_id = %(organization_id)s AND position > %(after)s
        ORDER BY position LIMIT {MOST_EVENTS}
    ) AS event
    WHERE bytes_before < {_MOST_BYTES}
    ORDER BY event.position
"""


@dataclass(slots=True)
class Entry:
    """An event of the stream; `text` is its CloudEvent in JSON."""

    position: int
    type: str
    flow_execution_id: str
    task_name: str
    tag_type: str | None
    text: str
    _messages: dict[str, bytes] = field(default_factory=dict)

    def message(self, subscription: str) -> bytes:
        """What a subscription of that name is sent; made once for all sockets."""
        if subscription not in self._messages:
            name = f',"subscription":{json.dumps(subscription)}' if subscription else ""
            self._messages[subscription] = f'{{"type":"event","event":{self.text}{name}}}'.encode()
        return self._messages[subscription]

    def is_in(self, selection: Selection) -> bool:
        return (
            selection.flow_execution_id in (None, self.flow_execution_id)
            and selection.task_name in (None, self.task_name)
            and (selection.types is None or self.type in selection.types)
            and selection.tag_type in (None, self.tag_type)
        )


def newest_position(organization_id: UUID) -> int:
    """The position of the organization's newest event; 0 before the first. One round trip."""
    with connection.cursor() as cursor:
        with reading_organization(organization_id):
            cursor.execute(_POSITION, {"organization_id": organization_id})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def entries_after(organization_id: UUID, after: int) -> list[Entry]:
    """The next events in order, none if there is no newer one. One round trip."""
    with connection.cursor() as cursor:
        with reading_organization(organization_id):
            cursor.execute(_NEXT, {"organization_id": organization_id, "after": after})
        return [Entry(*row) for row in cursor.fetchall()]

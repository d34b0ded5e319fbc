"""The stream of an organization: every change at its position 1, 2, 3, ..., without gaps, in commit order."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

from tags import metrics
from tags.db import exact_json
from tags.db.tenancy import run
from tags.models import Actor, EventType
from tags.models.ids import uuid7, uuid7_text

# Sent after the commit of events, with `organization_id`; a courtesy: the rows are the guarantee.
recorded = Signal()

# The counter is updated, and so locked, before any event is inserted; the lock holds until the commit. So positions
# come in commit order, and a transaction that fails gives its positions back.
_APPEND = """
    WITH stream AS (
        UPDATE event_stream SET position = position + %(count)s
        WHERE organization_id = %(organization_id)s
        RETURNING position - %(count)s AS before
    )
    INSERT INTO event (id, organization_id, position, type, flow_execution_id, task_name,
                       actor, time, request_id, batch_id, data)
    SELECT new.id, %(organization_id)s, stream.before + new.ordinal, new.type, new.flow_execution_id, new.task_name,
           %(actor)s, %(time)s::timestamptz, %(request_id)s, %(batch_id)s, new.data
    FROM stream, jsonb_to_recordset(%(events)s::jsonb) AS new(
        id uuid, ordinal int, type text, flow_execution_id uuid, task_name text, data jsonb)
"""


class NewEvent(NamedTuple):
    """A change about to be recorded; `data` is what the event's reader sees of the changed record."""

    type: EventType
    flow_execution_id: UUID | str
    task_name: str
    data: dict[str, Any]


def append(organization_id: UUID, events: Sequence[NewEvent], actor: Actor, time: str) -> None:
    """Record the events, in order, in one statement, under one new batch id.

    `time` is an ISO 8601 text; an actor outside any request gives the batch's id for the request's. Locks the
    organization's stream until the transaction ends: call it last in a transaction, inside `in_organization`.
    """
    batch_id = uuid7()
    rows = [
        {
            "id": uuid7_text(),
            "ordinal": ordinal,
            "type": event.type.value,
            "flow_execution_id": str(event.flow_execution_id),
            "task_name": event.task_name,
            "data": event.data,
        }
        for ordinal, event in enumerate(events, start=1)
    ]
    parameters: dict[str, Any] = {
        "count": len(rows),
        "organization_id": organization_id,
        "actor": str(actor),
        "time": time,
        "request_id": actor.request_id or str(batch_id),
        "batch_id": batch_id,
        "events": exact_json.dumps(rows),
    }
    run(_APPEND, parameters)
    transaction.on_commit(partial(_tell, organization_id, events))


def _tell(organization_id: UUID, events: Sequence[NewEvent]) -> None:
    for event_type, count in Counter(event.type for event in events).items():
        metrics.EVENTS.labels(event_type.value).inc(count)
    recorded.send_robust(sender=None, organization_id=organization_id)

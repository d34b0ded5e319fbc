"""Rejected events tried again, after whatever they were rejected for has been mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from tags.actions.ingest import record_observations
from tags.actions.observations import Observation
from tags.actions.rejections import lock_open, mark_refused, mark_taken
from tags.db.tenancy import in_organization
from tags.ingest import openlineage, otlp, otlp_wire
from tags.ingest.errors import Rejected
from tags.models import Actor, RejectedEvent

# Tried in one transaction.
MOST_AT_ONCE = 500


@dataclass
class Tried:
    """How many were taken, how many refused again, and how many are no longer open or were too large to keep."""

    taken: int = 0
    refused: int = 0
    left: int = 0


def try_again(organization_id: UUID, actor: Actor, ids: Sequence[UUID]) -> Tried:
    """Take them as if they had just come, in one transaction; what is refused again gets its new reason.

    Locks the events, in sorted order, then what `record_observations` does.
    """
    ids = list(ids)[:MOST_AT_ONCE]
    tried = Tried()
    with in_organization(organization_id):
        kept = [event for event in lock_open(organization_id, ids) if event.body is not None]
        tried.left = len(ids) - len(kept)
        good: list[tuple[RejectedEvent, Sequence[Observation]]] = []
        for event in kept:
            try:
                good.append((event, _NORMALIZE[event.source](event.body)))
            except Rejected as rejected:
                _refuse(event, rejected, tried)
        _write(organization_id, actor, good, tried)
    return tried


def _of_span(body: Any) -> Sequence[Observation]:
    try:
        received = otlp_wire.kept(body)
    except (KeyError, TypeError) as error:
        raise Rejected("not_understood", "What was kept is no span") from error
    return otlp.observations(received, which=settings.OTLP_SPANS)


_NORMALIZE: dict[str, Callable[[Any], Sequence[Observation]]] = {
    RejectedEvent.Source.OPENLINEAGE: openlineage.observations,
    RejectedEvent.Source.OTLP: _of_span,
}


def _write(
    organization_id: UUID, actor: Actor, events: Sequence[tuple[RejectedEvent, Sequence[Observation]]], tried: Tried
) -> None:
    """As in intake, by halves where the database refuses; a savepoint gives back the locks of what failed.

    Accepted: after a half that went well the second one waits for its locks with the stream's in hand. Should that
    meet ingest in a circle, PostgreSQL ends one of the two, and it is told to come again.
    """
    if not events:
        return
    try:
        with transaction.atomic():
            record_observations(organization_id, actor, [one for _, observations in events for one in observations])
    except (DataError, IntegrityError):
        if len(events) == 1:
            _refuse(events[0][0], Rejected("not_storable", "The database cannot store a value of it"), tried)
            return
        middle = len(events) // 2
        for half in (events[:middle], events[middle:]):
            _write(organization_id, actor, half, tried)
        return
    mark_taken(organization_id, [event.id for event, _ in events])
    tried.taken += len(events)


def _refuse(event: RejectedEvent, rejected: Rejected, tried: Tried) -> None:
    mark_refused(event, rejected.code, rejected.message)
    tried.refused += 1

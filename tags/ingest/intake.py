"""From what a producer sent to what is stored: the good is written, the bad is set aside and holds up nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import DataError, IntegrityError

from tags.actions.ingest import record_observations
from tags.actions.observations import Observation
from tags.actions.rejections import Rejection, keep_rejections
from tags.ingest.errors import Rejected
from tags.models import Actor

# Items written in one transaction: enough to share its cost, few enough that nobody waits long for its locks.
_PIECE = 500

Item = TypeVar("Item")
Normalize = Callable[[Item], Sequence[Observation]]


@dataclass
class Report:
    """How many items came, and by index why those that were not taken were not."""

    received: int
    rejected: dict[int, Rejected] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.received - len(self.rejected)


def take(
    organization_id: UUID,
    actor: Actor,
    source: str,
    items: Sequence[Item],
    normalize: Normalize[Item],
    as_json: Callable[[Item], Any] = lambda item: item,
) -> Report:
    """Write the items that can be taken, in pieces, and keep the others with the reason."""
    report = Report(len(items))
    for start in range(0, len(items), _PIECE):
        piece: list[tuple[int, Sequence[Observation]]] = []
        for index, item in enumerate(items[start : start + _PIECE], start):
            try:
                piece.append((index, normalize(item)))
            except Rejected as rejected:
                report.rejected[index] = rejected
        _write(organization_id, actor, piece, report)
    rejections = [
        Rejection(rejected.code, rejected.message, as_json(items[index])) for index, rejected in report.rejected.items()
    ]
    keep_rejections(organization_id, actor, source, rejections)
    return report


def _write(
    organization_id: UUID, actor: Actor, piece: Sequence[tuple[int, Sequence[Observation]]], report: Report
) -> None:
    """What the database refuses is looked for by halves, so that the rest of the piece gets through."""
    try:
        record_observations(organization_id, actor, [one for _, observations in piece for one in observations])
    except (DataError, IntegrityError):
        if len(piece) == 1:
            report.rejected[piece[0][0]] = Rejected("not_storable", "The database cannot store a value of it")
            return
        middle = len(piece) // 2
        _write(organization_id, actor, piece[:middle], report)
        _write(organization_id, actor, piece[middle:], report)

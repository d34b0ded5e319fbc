"""From what a producer sent to what is stored: the good is written, the bad is set aside and holds up nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import DataError, IntegrityError

from tags.actions.ingest import record_observations
from tags.actions.observations import Observation
from tags.actions.record_size import LARGEST_RECORD, TooLarge
from tags.actions.rejections import MOST_KEPT, Rejection, keep_rejections
from tags.errors import PayloadTooLarge
from tags.ingest.errors import Rejected
from tags.models import Actor

# Of one request: a good one of so many takes half a minute.
MOST_ITEMS = 100_000
# Items written in one transaction: enough to share its cost, few enough that nobody waits long for its locks.
_PIECE = 500

Item = TypeVar("Item")
Normalize = Callable[[Item], Sequence[Observation]]


@dataclass
class Report:
    """How many items came, how many were not taken, and of the first MOST_KEPT of these, by index, why."""

    received: int
    failed: int = 0
    rejected: dict[int, Rejected] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.received - self.failed

    def reject(self, index: int, rejected: Rejected) -> None:
        self.failed += 1
        if len(self.rejected) < MOST_KEPT:
            # Anew, or its traceback would keep all that was known where it was raised.
            self.rejected[index] = Rejected(rejected.code, rejected.message)


def check_count(items: int) -> None:
    """Raises PayloadTooLarge."""
    if items > MOST_ITEMS:
        raise PayloadTooLarge(f"There are more than {MOST_ITEMS:,} items in one request")


def take(
    organization_id: UUID,
    actor: Actor,
    source: str,
    items: Sequence[Item],
    normalize: Normalize[Item],
    as_json: Callable[[Item], Any] = lambda item: item,
) -> Report:
    """Write the items that can be taken, in pieces, and keep the others with the reason.

    Raises PayloadTooLarge for more than MOST_ITEMS.
    """
    check_count(len(items))
    report = Report(len(items))
    for start in range(0, len(items), _PIECE):
        piece: list[tuple[int, Sequence[Observation]]] = []
        for index, item in enumerate(items[start : start + _PIECE], start):
            try:
                piece.append((index, normalize(item)))
            except Rejected as rejected:
                report.reject(index, rejected)
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
    except (DataError, IntegrityError) as error:
        if len(piece) == 1:
            report.reject(piece[0][0], _reason(error))
            return
        middle = len(piece) // 2
        _write(organization_id, actor, piece[:middle], report)
        _write(organization_id, actor, piece[middle:], report)


def _reason(error: Exception) -> Rejected:
    if isinstance(error, TooLarge):
        return Rejected("too_large", f"With it a record would be larger than {LARGEST_RECORD >> 20} MiB")
    return Rejected("not_storable", "The database cannot store a value of it")

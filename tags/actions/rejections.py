"""What producers sent that could not be taken: kept with the reason, for an admin to read and to try again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tags.db import exact_json
from tags.db.clock import database_now
from tags.db.tenancy import in_organization
from tags.models import Actor, RejectedEvent

# A sender that is wrong about everything must not fill the disk.
MOST_KEPT = 10_000
_LARGEST_BODY = 64 * 2**10
_CODE_LENGTH = 50
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """`body` is what was sent, as JSON; `code` and `reason` say what was wrong with it."""

    code: str
    reason: str
    body: Any


def keep_rejections(organization_id: UUID, actor: Actor, source: str, rejections: Sequence[Rejection]) -> None:
    """Keep them, up to MOST_KEPT that nobody has dealt with; bodies over 64 KiB are left out."""
    if not rejections:
        return
    with in_organization(organization_id):
        open_ones = RejectedEvent.objects.in_organization(organization_id).filter(taken_at=None)
        room = max(MOST_KEPT - open_ones[:MOST_KEPT].count(), 0)
        RejectedEvent.objects.bulk_create(
            RejectedEvent(
                organization_id=organization_id,
                source=source,
                code=rejection.code[:_CODE_LENGTH],
                reason=rejection.reason[:_LONGEST_REASON],
                body=_small(rejection.body),
                request_id=actor.request_id,
            )
            for rejection in rejections[:room]
        )


def lock_open(organization_id: UUID, ids: Sequence[UUID]) -> list[RejectedEvent]:
    """Those of them that nobody has dealt with, in sorted order; locked, so that two people do not try one at once.

    Caller must be in a transaction of the organization.
    """
    events = RejectedEvent.objects.in_organization(organization_id).filter(id__in=ids, taken_at=None)
    return list(events.order_by("id").select_for_update())


def mark_taken(organization_id: UUID, ids: Sequence[UUID]) -> None:
    """They were tried again, and went well."""
    with in_organization(organization_id):
        events = RejectedEvent.objects.in_organization(organization_id).filter(id__in=ids, taken_at=None)
        events.update(taken_at=database_now())


def mark_refused(event: RejectedEvent, code: str, reason: str) -> None:
    """It was tried again, and something is wrong with it still, or something else. Caller must hold its row."""
    event.change(code=code[:_CODE_LENGTH], reason=reason[:_LONGEST_REASON])


def _small(body: Any) -> Any:
    return body if len(exact_json.dumps(body)) <= _LARGEST_BODY else None

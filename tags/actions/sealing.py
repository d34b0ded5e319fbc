"""Sealing: the hash chain is written after the events, so that no writer waits for it.

What is recorded and not sealed is found by comparing two positions, so a sealer may die at any moment. Several may
work at once: one of them at a time has an organization.
"""

import logging
import time
from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from tags.db.tenancy import in_organization
from tags.events.chain import link
from tags.events.feed import Entry, entries_after
from tags.events.seals import newest_seal, stream_positions
from tags.models import Seal

logger = logging.getLogger("tagsite.sealing")

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('tagsite.seal.' || %s, 0))"

# A fifth of a processor at most, and less while writers keep the machine busy, as a piece then takes longer.
_REST = 4.0


class StreamBrokenError(Exception):
    """The event that comes next is not there, or cannot be read: nothing of Tagsite's does that."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the event at position {position} is missing or unreadable; nothing after it is sealed")


class Sealer:
    """Seals every organization's stream, again and again, and remembers how far each is."""

    def __init__(self) -> None:
        self._sealed: dict[UUID, int] = {}
        self._broken: set[UUID] = set()

    def seal_everything(self) -> None:
        """One statement finds what is new. Raises DatabaseError."""
        for organization_id, position in stream_positions().items():
            if self._sealed.get(organization_id, 0) < position and organization_id not in self._broken:
                self._seal(organization_id)

    def _seal(self, organization_id: UUID) -> None:
        try:
            self._sealed[organization_id] = seal_events(organization_id, _REST)
        except StreamBrokenError as error:
            self._broken.add(organization_id)  # said once, not at every look
            logger.error("%s", error, extra={"organization": str(organization_id)})


def seal_events(organization_id: UUID, rest: float = 0) -> int:
    """Seal what is not sealed yet, each piece in a transaction of its own; the position up to which all is sealed now.

    After each piece it rests, `rest` times as long as the piece took. The position is less than all while another
    sealer has the organization. Raises StreamBrokenError.
    """
    sealed, started = -1, time.perf_counter()
    while (position := _seal_next(organization_id)) > sealed:
        sealed = position
        time.sleep(rest * (time.perf_counter() - started))
        started = time.perf_counter()
    return sealed


def _seal_next(organization_id: UUID) -> int:
    with in_organization(organization_id):
        is_ours = _try_lock(organization_id)
        newest = newest_seal(organization_id)
        entries = entries_after(organization_id, newest.position) if is_ours else []
        if not entries:
            return newest.position
        links = _links(bytes.fromhex(newest.digest), newest.position + 1, entries)
        last = newest.position + len(links)
        Seal.objects.create(
            organization_id=organization_id,
            first=newest.position + 1,
            position=last,
            links=b"".join(links),
            sealed_at=Now(),
        )
    return last


def _try_lock(organization_id: UUID) -> bool:
    """Until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_TRY_LOCK, [str(organization_id)])
        return bool(cursor.fetchone()[0])


def _links(previous: bytes, first: int, entries: Sequence[Entry]) -> list[bytes]:
    """The links of the entries as far as they follow each other from position `first` on: one, at least."""
    links: list[bytes] = []
    for position, entry in enumerate(entries, first):
        if entry.position != position:
            break
        try:
            previous = link(previous, entry.text)
        except ValueError:
            break
        links.append(previous)
    if not links:
        raise StreamBrokenError(first)
    return links

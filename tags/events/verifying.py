"""Whether events are still what they were when they were sealed; docs/seal.md says what that proves."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from tags.db.tenancy import in_organization
from tags.events.chain import ORIGIN, link
from tags.events.feed import Entry, entries_after
from tags.events.reading import current_position
from tags.events.seals import SealFile, links_between, newest_seal

# Each where no event of Tagsite's can be: before the first position, past the counter, or at one that is taken.
_STRAY = """
    SELECT position, count(*) FROM event WHERE organization_id = %(organization_id)s
    GROUP BY position
    HAVING count(*) > 1 OR position < 1 OR position > coalesce(
        (SELECT position FROM event_stream WHERE organization_id = %(organization_id)s), 0)
    ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong at a position, or from it to another."""

    position: int
    what: str
    last: int | None = None

    @property
    def positions(self) -> range:
        return range(self.position, (self.last or self.position) + 1)

    def __str__(self) -> str:
        positions = f"{self.position} to {self.last}" if self.last not in (None, self.position) else self.position
        return f"{positions}: {self.what}"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to verify: the newest event's position, and the newest that is sealed."""

    newest: int
    sealed: int


def extent(organization_id: UUID) -> Extent:
    with in_organization(organization_id):
        # The seal first: the stream only grows meanwhile.
        sealed = newest_seal(organization_id).position
        return Extent(current_position(organization_id), sealed)


def verify(organization_id: UUID, extent: Extent, kept: list[SealFile]) -> Iterator[Finding]:
    """What is wrong with the events up to that extent; `kept` are seals that were exported."""
    yield from _stray(organization_id)
    for seal in kept:
        yield from _against(seal)
    last, position = max(extent.newest, extent.sealed), 0
    while position < last:
        entries = [entry for entry in entries_after(organization_id, position) if entry.position <= last]
        if not entries:
            break
        yield from _piece(organization_id, position, entries, extent.sealed)
        position = entries[-1].position
    yield from _removed(position + 1, last)


def _stray(organization_id: UUID) -> Iterator[Finding]:
    with in_organization(organization_id), connection.cursor() as cursor:
        cursor.execute(_STRAY, {"organization_id": organization_id})
        for position, count in cursor.fetchall():
            what = "more than one event has this position" if count > 1 else "past the stream's counter"
            yield Finding(position, f"inserted: {what if position > 0 else 'before the first position'}")


def _against(kept: SealFile) -> Iterator[Finding]:
    if kept.position == 0:
        return
    with in_organization(kept.organization_id):
        links = links_between(kept.organization_id, kept.position, kept.position)
    if kept.position not in links:
        yield Finding(kept.position, "cut off: the exported seal goes further than the seals in the database")
    elif links[kept.position].hex() != kept.digest:
        yield Finding(kept.position, "rewritten: the seals up to here are others than when this seal was exported")


def _piece(organization_id: UUID, after: int, entries: list[Entry], sealed: int) -> Iterator[Finding]:
    with in_organization(organization_id):
        links = links_between(organization_id, after, entries[-1].position)
    links[0] = ORIGIN
    for entry in entries:
        yield from _removed(after + 1, entry.position - 1)
        if entry.position <= sealed:
            yield from _against_links(entry, links)
        after = entry.position


def _removed(first: int, last: int) -> Iterator[Finding]:
    if first <= last:
        yield Finding(first, "removed: there is no such event", last)


def _against_links(entry: Entry, links: dict[int, bytes]) -> Iterator[Finding]:
    position = entry.position
    if position not in links:
        yield Finding(position, "its seal was removed: later ones have theirs")
    elif position - 1 in links and not _is_link(links[position], links[position - 1], entry):
        yield Finding(position, "changed: it is not what was sealed")


def _is_link(sealed: bytes, previous: bytes, entry: Entry) -> bool:
    try:
        return link(previous, entry.text) == sealed
    except ValueError:
        return False

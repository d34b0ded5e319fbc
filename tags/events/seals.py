"""Reading seals: how far a stream is sealed, single links, and the seal that is kept elsewhere."""

from typing import Annotated, Literal
from uuid import UUID

from django.db import connection
from pydantic import AwareDatetime, BaseModel, Field

from tags.db import tenancy
from tags.events.chain import LINK_SIZE, ORIGIN, split
from tags.models import Seal

_STREAMS = """
    SELECT organization_id, position FROM event_stream
    UNION ALL SELECT organization_id, 0 FROM seal WHERE first = 1
"""
_LINKS = """
    SELECT first, links FROM seal
    WHERE organization_id = %(organization_id)s AND first <= %(last)s AND first >= coalesce(
        (SELECT max(first) FROM seal WHERE organization_id = %(organization_id)s AND first <= %(first)s), 1)
    ORDER BY first
"""


class SealFile(BaseModel):
    """How far an organization's stream was sealed, and the link there: stands for every event up to it."""

    format: Literal["tagsite-seal-1"] = "tagsite-seal-1"
    organization_id: UUID
    position: int = Field(ge=0, description="The last event that is sealed")
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="The link of that event, a SHA-256")]
    sealed_at: AwareDatetime | None = None


def stream_positions() -> dict[UUID, int]:
    """Every organization, with the position of its newest event."""
    positions: dict[UUID, int] = {}
    with tenancy.sealing(), connection.cursor() as cursor:
        cursor.execute(_STREAMS)
        for organization_id, position in cursor.fetchall():
            positions[organization_id] = max(position, positions.get(organization_id, 0))
    return positions


def newest_seal(organization_id: UUID) -> SealFile:
    """Inside `in_organization`."""
    seal = Seal.objects.in_organization(organization_id).order_by("-position").first()
    if seal is None:
        return SealFile(organization_id=organization_id, position=0, digest=ORIGIN.hex())
    digest = bytes(seal.links)[-LINK_SIZE:].hex()
    return SealFile(organization_id=organization_id, position=seal.position, digest=digest, sealed_at=seal.sealed_at)


def links_between(organization_id: UUID, first: int, last: int) -> dict[int, bytes]:
    """The links of these positions, where there are any, and of some around them. Inside `in_organization`."""
    with connection.cursor() as cursor:
        cursor.execute(_LINKS, {"organization_id": organization_id, "first": first, "last": last})
        return {
            position: link
            for start, links in cursor.fetchall()
            for position, link in enumerate(split(bytes(links)), start)
        }

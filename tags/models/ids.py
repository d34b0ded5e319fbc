"""Ids: UUIDv7 (RFC 9562), which sort by the time they were made, so that a table's new rows lie together."""

from datetime import datetime
from uuid import UUID

import uuid_utils
import uuid_utils.compat


def uuid7() -> UUID:
    return uuid_utils.compat.uuid7()


def uuid7_text() -> str:
    """The same as text, in a third of the time; a batch makes two for each tag."""
    return str(uuid_utils.uuid7())


def first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: every id made later is larger."""
    milliseconds = max(int(moment.timestamp() * 1000), 0)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)

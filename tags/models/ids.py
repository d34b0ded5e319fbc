"""Ids: UUIDv7 (RFC 9562), which sort by the time they were made, so that a table's new rows lie together."""

from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    return uuid_utils.compat.uuid7()

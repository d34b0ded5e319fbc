"""The hash chain over an organization's events. docs/seal.md defines it for who checks it without Tagsite."""

import hashlib

from tags.db import exact_json

# What the first event's link is chained to.
ORIGIN = bytes(32)
LINK_SIZE = 32


def link(previous: bytes, event: str) -> bytes:
    """The link of an event, its CloudEvent as a JSON text, to the one before it.

    Raises ValueError if the event holds what no event of Tagsite's does: a number of thousands of digits.
    """
    return hashlib.sha256(previous + exact_json.canonical(exact_json.loads(event))).digest()


def split(links: bytes) -> list[bytes]:
    return [links[start : start + LINK_SIZE] for start in range(0, len(links), LINK_SIZE)]

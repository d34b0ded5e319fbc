"""How large a record may become of all that is told of it."""

from collections.abc import Iterable
from typing import Any

from django.db import DataError

from tags.db import exact_json

# A record grows with all that is told of it: to read and write it must stay cheap. PostgreSQL's own limit is 256 MB of
# JSONB, which may take six times the room of the JSON; a statement stays below it too.
LARGEST_RECORD = 16 * 2**20
_LARGEST_STATEMENT = 2 * LARGEST_RECORD


class TooLarge(DataError):
    """A record, or all that one statement would write: nothing was written, and fewer observations may go well."""


def dumped_rows(rows: Iterable[dict[str, Any]]) -> str:
    """As a JSON array, for one statement to write. Raises TooLarge."""
    texts = [exact_json.dumps(row) for row in rows]
    if max(map(len, texts)) > LARGEST_RECORD or sum(map(len, texts)) > _LARGEST_STATEMENT:
        raise TooLarge
    return f"[{','.join(texts)}]"

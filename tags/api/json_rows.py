"""Responses whose JSON PostgreSQL builds, one text a row, without ever holding more than a part in memory."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile

from django.http import FileResponse, HttpResponse

_IN_MEMORY = 2**20  # bytes; a longer response goes through a temporary file


def json_array(rows: Iterable[tuple[str]]) -> Iterator[str]:
    """One array of the rows' texts."""
    before = "["
    for (text,) in rows:
        yield before + text
        before = ","
    yield "]" if before == "," else "[]"


def json_response(parts: Iterable[str]) -> HttpResponse | FileResponse:
    """The parts, one after the other.

    They are read to the end before the first byte is sent: the transaction closes at the database's pace, not at a
    slow client's, and an error on the way is still an error response.
    """
    with ExitStack() as closing:
        spool = closing.enter_context(SpooledTemporaryFile(_IN_MEMORY))
        for part in parts:
            spool.write(part.encode())
        size = spool.tell()
        spool.seek(0)
        if size <= _IN_MEMORY:
            return HttpResponse(spool.read(), content_type="application/json")
        closing.pop_all()  # FileResponse closes it
        return FileResponse(spool, content_type="application/json", headers={"Content-Length": str(size)})


def with_stream_position(response: HttpResponse | FileResponse, position: int) -> HttpResponse | FileResponse:
    """Say up to where the response knows the stream: it and the events after that are the state of any later time."""
    response["X-Stream-Position"] = str(position)
    return response

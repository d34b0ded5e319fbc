"""Figures as a file for spreadsheets."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import Any

from django.http import FileResponse

_IN_MEMORY = 2**20  # bytes; a longer file goes through a temporary one
# What makes spreadsheets take a cell for a formula, or hides what does.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # the wide forms are meant


def csv_file(name: str, head: Iterable[str], rows: Iterable[Iterable[Any]]) -> FileResponse:
    """The rows are taken one by one, and to the end before the first byte is sent: the transaction that reads them
    closes at the database's pace, not at a slow client's, and an error on the way is still an error response.
    """
    with ExitStack() as closing:
        spool = closing.enter_context(SpooledTemporaryFile(_IN_MEMORY))
        for line in _lines(head, rows):
            spool.write(line.encode())
        size = spool.tell()
        spool.seek(0)
        closing.pop_all()  # FileResponse closes it
    response = FileResponse(spool, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
    response["Content-Length"] = str(size)
    return response


def _lines(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([harmless(value) for value in row])


def harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; any other value as it is."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return "'" + value
    return value


class _Line:
    """Gives what is written back to the writer's caller."""

    def write(self, text: str) -> str:
        return text

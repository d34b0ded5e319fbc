"""What a connection really says to the server, read from libpq's own trace: neither Django nor psycopg is asked."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection
from psycopg import pq

# A message is: F(rontend) or B(ackend), its length, its kind, its contents; a statement may go over several lines.
_MESSAGE = re.compile(r"^([FB])\t\d+\t(\w+)(.*?)(?=^[FB]\t\d+\t|\Z)", re.MULTILINE | re.DOTALL)
_PARSED = re.compile(r'"(\w*)" "(.*)" \d', re.DOTALL)  # name of the statement, text
_BOUND = re.compile(r'"\w*" "(\w*)"')  # name of the statement
_QUERY = re.compile(r'"(.*)"', re.DOTALL)
_TRANSACTION = {"BEGIN", "COMMIT"}


@dataclass
class Conversation:
    """The statements that were executed, by round trip: the client sends something, then waits for the server."""

    trips: list[list[str]] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        """All but BEGIN and COMMIT."""
        return [statement for trip in self.trips for statement in trip if statement not in _TRANSACTION]

    @property
    def round_trips(self) -> list[list[str]]:
        """All but those for BEGIN or COMMIT alone; one that only waits, without a statement, counts."""
        return [trip for trip in self.trips if not trip or set(trip) - _TRANSACTION]


@contextmanager
def conversation() -> Iterator[Conversation]:
    """Listens to this thread's connection; the block's end tells what was said."""
    connection.ensure_connection()
    libpq = connection.connection.pgconn
    prepared = dict(connection.connection.execute("SELECT name, statement FROM pg_prepared_statements").fetchall())
    heard = Conversation()
    with tempfile.TemporaryFile("w+") as file:
        libpq.trace(file.fileno())
        libpq.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield heard
        finally:
            libpq.untrace()
        file.seek(0)
        heard.trips = _round_trips(file.read(), prepared)


def _round_trips(trace: str, prepared: dict[str, str]) -> list[list[str]]:
    """`prepared` has the texts of the statements that the server knows by a name from before."""
    trips: list[list[str]] = []
    texts = dict(prepared)
    bound, answered = "", True
    for sender, kind, contents in _MESSAGE.findall(trace):
        if sender == "F" and answered:
            trips.append([])
        answered = sender == "B"
        match sender, kind:
            case "F", "Parse":
                texts.update([_PARSED.search(contents).groups()])
            case "F", "Bind":
                bound = texts[_BOUND.search(contents)[1]]
            case "F", "Execute":
                trips[-1].append(bound)
            case "F", "Query":
                trips[-1].append(_QUERY.search(contents)[1])
    return trips

"""A pipeline that sends its statements together, at the moment when an answer is wanted.

psycopg's own sends each statement by itself and looks for answers in between. That is right for thousands of statements
and dear for five: a system call and a wake-up of the server for each take longer than the statement.
"""

from typing import Any, Self

import psycopg
from psycopg.generators import send


class Pipeline(psycopg.Pipeline):
    """In place of what `connection.pipeline()` gives; not to be nested."""

    _is_synced = True

    def __enter__(self) -> Self:
        super().__enter__()
        self._conn._pipeline = self
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._conn._pipeline = None

    def _communicate_gen(self) -> Any:
        """Hand the statements to libpq, which keeps up to 64 kB of them before it sends any."""
        while self.command_queue:
            self.command_queue.popleft()()
            self._is_synced = False
        yield from ()

    def _fetch_gen(self, *, flush: bool) -> Any:
        """Answers are taken in while sending, so that the server can go on sending, too, whatever the sizes."""
        if not flush:
            yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=flush)

    def _sync_gen(self) -> Any:
        yield from super()._sync_gen()
        self._is_synced = True

    def _exit_gen(self) -> Any:
        """After a commit everything is answered already. A sync asks for the answers; psycopg's adds a flush to it."""
        if not self._is_synced:
            yield from self._sync_gen()

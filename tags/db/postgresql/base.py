"""Django's PostgreSQL backend, with fewer words to the server around each transaction.

Django switches psycopg's autocommit off and on around a transaction and asks a pooled connection whether it lives; each
is a round trip of its own, also in a pipeline. Here psycopg stays in autocommit, BEGIN and COMMIT are statements like
any other (the hook that Django has for SQLite), and a connection is looked at instead of asked.
"""

import select
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from tags.db.postgresql.pipeline import Pipeline


class _LastUsedFirst(deque[Any]):
    """The connections of a pool, which takes from the left: the server process that worked last has all at hand.

    psycopg's takes turns, so that after a crowd each request of a single client meets another, cold one.
    """

    append = deque.appendleft


class DatabaseWrapper(base.DatabaseWrapper):
    _pipeline: Pipeline | None = None
    _is_ready = False  # for a connection of the pool: all else was made at the last one, and nothing went wrong since

    def ensure_connection(self) -> None:
        """Asked several times for each statement. Django's connects with a dozen steps, also to a pool's connection."""
        if self.connection is not None:
            return
        if self._is_ready:
            with self.wrap_database_errors:
                self.pool.open()  # unless it is open
                self.connection = self._living(self.pool.getconn())
            self._set_autocommit(True)
        else:
            super().ensure_connection()
            self._is_ready = bool(self.pool)

    def _close(self) -> None:
        if self.in_atomic_block or self.errors_occurred or self.needs_rollback or not self.autocommit:
            self._is_ready = False
        super()._close()  # type: ignore[misc]  # missing in the stubs

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send the block's statements together and wait once, at the first fetch, at the commit or at the end.

        An error shows there. Outside a transaction the block is one (PostgreSQL's "implicit transaction block"). A
        block within a block is part of it.
        """
        if self._pipeline:
            yield
            return
        self.ensure_connection()
        with self.wrap_database_errors, Pipeline(self.connection) as self._pipeline:
            try:
                yield
            finally:
                self._pipeline = None

    def run(self, statement: str, parameters: Any) -> psycopg.Cursor:
        """Execute a statement without Django's cursor, whose wrapping takes as long as a small statement itself.

        What it finds can be fetched within the pipeline, if there is one, or after it.
        """
        self.ensure_connection()
        execute: Callable[..., psycopg.Cursor] = self._execute
        for wrapper in reversed(self.execute_wrappers):
            execute = partial(wrapper, execute)
        with self.wrap_database_errors:
            return execute(statement, parameters, False, {"connection": self})

    def _execute(self, statement: str, parameters: Any, many: bool, context: dict[str, Any]) -> psycopg.Cursor:
        cursor: psycopg.Cursor = self.connection.execute(statement, parameters)
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        """Called by `atomic()` in place of switching autocommit off."""
        self.ensure_connection()
        self._say(b"BEGIN")

    def _commit(self) -> None:
        """In a pipeline COMMIT travels with the statements before it, and their errors show here."""
        self._say(b"COMMIT")
        if self._pipeline:
            with self.wrap_database_errors:
                self._pipeline.sync()

    def _say(self, command: bytes) -> None:
        """As psycopg says its own BEGIN and COMMIT: without a cursor, which they do not need."""
        with self.wrap_database_errors, self.connection.lock:
            self.connection.wait(self.connection._exec_command(command))

    def _rollback(self) -> None:
        """In a pipeline the error that leads here may not have been met yet; it must not stop the rollback."""
        with self.wrap_database_errors:
            if self._pipeline:
                with suppress(psycopg.Error):
                    self._pipeline.sync()
            self.connection.rollback()

    def set_autocommit(self, autocommit: bool, *arguments: Any, **options: Any) -> None:
        """Django's last word on a transaction, also on one whose connection is lost: no other one is opened for it.

        From a database that does not answer that would be to wait once more, and it was waited for already.
        """
        if autocommit and self.connection is None:
            self.autocommit = True
        else:
            super().set_autocommit(autocommit, *arguments, **options)

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # missing in the stubs

    @property
    def pool(self) -> Any:
        """Asked many times in a request, and made once."""
        pool = self._connection_pools.get(self.alias)  # type: ignore[attr-defined]  # missing in the stubs
        if pool:
            return pool
        pool = super().pool
        if pool and not isinstance(pool._pool, _LastUsedFirst):
            with pool._lock:
                pool._pool = _LastUsedFirst(pool._pool)
        return pool

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        return self._living(connection) if self.pool else connection

    def _living(self, connection: Any) -> Any:
        """This one of the pool or, if its server has gone, another."""
        while _has_word_from_server(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = self.pool.getconn()
        return connection


def _has_word_from_server(connection: Any) -> bool:
    """An idle connection has nothing to read; if there is something, the server said goodbye or hung up."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))

"""A connection that gives up on a server which does not answer.

A server that is frozen (its machine is paused, its disk hangs) refuses nothing and answers nothing: without this, each
request would hold its thread until all threads are held, and nobody would be told.
"""

from typing import Any

import psycopg

# For the answer to what was sent, locks that it waits for included.
SECONDS = 15.0


class PatientConnection(psycopg.Connection[Any]):
    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Raises OperationalError, after which the connection is closed: what its statement did is not known."""
        try:
            return super().wait(gen, interval, timeout or SECONDS)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"PostgreSQL did not answer within {SECONDS:g} s") from error

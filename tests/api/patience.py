"""For tests of what must not wait for ever."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.db import connection


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Break off what takes longer, so that the test fails rather than hangs; it goes on with a new connection."""
    late = False

    def give_up(_: int, __: FrameType | None) -> None:
        nonlocal late
        late = True
        if connection.connection is not None:
            connection.connection.close()
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        if late:
            connection.close()

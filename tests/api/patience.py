"""For tests of what must not wait for ever."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.db import connection


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail, rather than hang, if the block takes longer; the connection that it hung on is thrown away."""

    def give_up(_: int, __: FrameType | None) -> None:
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

"""Threads that start at the same moment, each on a connection of its own."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
from django.db import connections

PATIENCE = 30.0  # seconds, after which a test fails instead of hanging

_BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gave back, in order; for one that failed, its exception."""
    barrier = Barrier(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(_meet_and_call, barrier, call) for call in calls]
        return [future.exception() or future.result() for future in futures]


def _meet_and_call(barrier: Barrier, call: Callable[[], Any]) -> Any:
    try:
        barrier.wait(PATIENCE)
        return call()
    finally:
        connections.close_all()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what the test waits for did not happen")
        time.sleep(0.001)


def blocked(owner: psycopg.Connection[Any]) -> int:
    """How many connections wait for a lock just now."""
    return int(owner.execute(_BLOCKED).fetchone()[0])

"""Changing what this thread's connection sends, and when: for the windows of a race, and for planted bugs."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def rewritten(pattern: str, replacement: str) -> Iterator[None]:
    """Every statement of the block with what matches replaced. Fails if nothing did: a bug that was not planted."""
    found = 0

    def rewrite(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal found
        changed, count = re.subn(pattern, replacement, sql, flags=re.DOTALL)
        found += count
        return execute(changed, params, many, context)

    with connection.execute_wrapper(rewrite):
        yield
    assert found, f"no statement has {pattern!r}"


@contextmanager
def before(text: str, action: Callable[[], object]) -> Iterator[None]:
    """Calls the action each time a statement with the text is about to be sent."""

    def act(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if text in sql:
            action()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(act):
        yield


@contextmanager
def after(text: str, action: Callable[[], object]) -> Iterator[None]:
    """Calls the action each time the server has executed a statement with the text; nothing is committed yet."""

    def act(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if text in sql:
            # In a pipeline, a statement is known to be executed when the answer to one after it is there.
            connection.connection.execute("SELECT").fetchall()
            action()
        return result

    with connection.execute_wrapper(act):
        yield

"""Changing what every connection of this process sends to PostgreSQL."""

import re
from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

Change = Callable[[str], str]


def rewrite(pattern: str, replacement: str) -> None:
    _change(lambda sql: re.sub(pattern, replacement, sql, flags=re.DOTALL))


def at_connection(statement: str) -> None:
    """Say this first, on each new connection."""

    def say(connection: BaseDatabaseWrapper, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    connection_created.connect(say, weak=False)


def _change(change: Change) -> None:
    def wrap(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        return execute(change(sql) if isinstance(sql, str) else sql, params, many, context)

    def add(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if wrap not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrap)

    connection_created.connect(add, weak=False)
    for connection in connections.all(initialized_only=True):
        add(connection)

"""Reading rows as they come, without holding them all."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

# Rows that libpq hands over at once.
_CHUNK = 500


def stream_sql(statement: str, parameters: Mapping[str, Any] | tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The rows of one statement, in memory a chunk at a time; one snapshot, one round trip."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        yield from cursor.stream(statement, parameters, size=_CHUNK)


def as_column(expression: str) -> RawSQL:
    """A constant SQL expression over the queryset's own table, for `values_list()`."""
    return RawSQL(expression, ())  # noqa: S611  # nothing of a request ever goes into it


def stream_queryset(queryset: "QuerySet[Any, Any]") -> Iterator[tuple[Any, ...]]:
    """The same for the rows of `values_list()`, uncast: they come as the database gives them."""
    statement, parameters = queryset.query.sql_with_params()
    return stream_sql(statement, parameters)

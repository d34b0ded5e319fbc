"""The database's clock, by which all that is recorded is dated: each web process has one of its own, and it may lie."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """This very moment, not when the transaction began. One round trip: ask once for what belongs together."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment  # type: ignore[no-any-return]  # a timestamptz

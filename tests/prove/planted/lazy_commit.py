from tests.prove.planted.statements import at_connection


def plant() -> None:
    """An answer does not wait until PostgreSQL has the change on disk."""
    at_connection("SET synchronous_commit = off")

from tags.db.postgresql import patience


def plant() -> None:
    """A statement is waited for as long as it takes."""
    patience.SECONDS = 1e6

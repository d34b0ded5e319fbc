from tags.errors import NotFound


def plant() -> None:
    """What does not exist is gone: a status that the document does not know."""
    NotFound.status = 410

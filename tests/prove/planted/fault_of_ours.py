from tags.errors import RepositoryError


def plant() -> None:
    """A database that is away counts as a fault of ours."""
    RepositoryError.status = 500

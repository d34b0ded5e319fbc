from tags.db import roles


def plant() -> None:
    """A role that row-level security does not bind is taken."""
    roles._checked = True

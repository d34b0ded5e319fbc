import re

from tags.api import parsers


def plant() -> None:
    """Text that PostgreSQL cannot store is let through to it."""
    parsers._UNSTORABLE = re.compile("(?!)")

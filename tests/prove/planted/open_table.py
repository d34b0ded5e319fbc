"""One table's policy lets everybody in (tests/prove/tenants.py opens it: it is the database's, not a process')."""


def plant() -> None:
    pass

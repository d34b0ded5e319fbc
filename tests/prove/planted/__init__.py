"""Bugs that are planted in the processes of a control, and nowhere else (but `prompt_collector`, which is none).

Each module here has a function `plant`, which changes the loaded product. The row's process calls it itself; the
servers that the row starts do so through startup/sitecustomize.py, which Python runs in every process with this
environment. Nothing in the product knows of it.
"""

import os
from importlib import import_module
from pathlib import Path

_VARIABLE = "PLANTED_BUG"


def environment(bug: str) -> dict[str, str]:
    """For a process whose children too must have the bug."""
    return {_VARIABLE: bug, "PYTHONPATH": str(Path(__file__).parent / "startup")}


def besides(other: str) -> dict[str, str]:
    """For a server that has something else planted, too, whether this is a control or not."""
    return environment(",".join(filter(None, [bug(), other])))


def bug() -> str:
    return os.environ.get(_VARIABLE, "")


def plant() -> None:
    for name in filter(None, bug().split(",")):
        import_module(f"{__name__}.{name}").plant()

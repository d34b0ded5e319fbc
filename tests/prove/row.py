"""One attack in a process of its own, on a database of its own: `python -m tests.prove.row NAME COUNT SEED RESULT`.

With PLANTED_BUG in the environment (tests/prove/planted), this process and every server that it starts have that bug.
"""

import json
import os
import sys
import time
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.prove import planted


def main(name: str, count: int, seed: int, result: Path) -> None:
    with _database(f"prove_{name}_{planted.bug()}".rstrip("_")):
        planted.plant()
        started = time.monotonic()
        outcome = _attack(name, count, seed)
    seconds, processor = time.monotonic() - started, sum(os.times()[:4])
    result.write_text(json.dumps({**outcome, "seconds": seconds, "processor_seconds": processor}))


def _attack(name: str, count: int, seed: int) -> dict[str, Any]:
    """A broken promise is an AssertionError; anything else is a fault of the attack, and ends this process."""
    try:
        figures = import_module(f"tests.prove.{name}").attack(count, seed)
    except (AssertionError, pytest.fail.Exception) as broken:
        return {"broken": str(broken) or _line_of(broken)}
    return {"figures": asdict(figures)}


def _line_of(broken: BaseException) -> str:
    """The assertion itself, if it has no words."""
    frame = traceback.extract_tb(broken.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}"


class _database:  # noqa: N801  # reads as a verb's object
    """Made anew and migrated at the start, gone in the end."""

    def __init__(self, name: str) -> None:
        os.environ.update(TEST_DATABASE_NAME=name, DJANGO_SETTINGS_MODULE="tagsite.settings")

    def __enter__(self) -> None:
        import tests.database  # noqa: F401, I001  # makes the database and tells the settings, as for tests
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def __exit__(self, *_: object) -> None:
        from django.db import connections

        connections.close_all()
        connections["default"].close_pool()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))

"""Whether requirements, lock files and what is installed agree; asks nobody.

`make lock` writes the lock files. Exits with 1 and a sentence for each thing that is wrong.
"""

import re
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parent.parent
# Requirements and their lock; the second holds all of the first.
PAIRS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}

# A package may need another one on some Pythons alone, and pip refuses what it does not find in a lock file.
PYTHONS = [{"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"} for minor in range(11, 15)]

_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)(?: ; ([^\\]+))?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}$")


@dataclass
class Locked:
    version: str
    marker: Marker | None = None  # where it is needed; without, everywhere
    hashes: int = 0
    # Who wants it: other packages, or `-r` and a file.
    wanted_by: list[str] = field(default_factory=list)

    @property
    def is_asked_for(self) -> bool:
        return any(name.startswith("-r ") for name in self.wanted_by)


def main() -> None:
    wrong = [sentence for requirements, lock in PAIRS.items() for sentence in _compare(requirements, lock)]
    wrong += _between_locks(*(read_lock(PROJECT / lock) for lock in PAIRS.values()))
    wrong += _installed(read_lock(PROJECT / "requirements-dev.lock"))
    wrong += [sentence for lock in PAIRS.values() for sentence in _needed_elsewhere(read_lock(PROJECT / lock))]
    if wrong:
        sys.exit("\n".join([*wrong, "After a change of requirements: make lock"]))


def read_requirements(path: Path) -> dict[str, str]:
    """The pins of a requirements file and of those that it includes."""
    pins: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            pins |= read_requirements(path.parent / line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            pin = _PIN.fullmatch(line.strip())
            pins[_normal(pin[1] if pin else line)] = pin[2] if pin else "not pinned"
    return pins


def read_lock(path: Path) -> dict[str, Locked]:
    """As uv writes it: a pin, its hashes, and comments that say who wants it."""
    locked: dict[str, Locked] = {}
    last = Locked("")
    for line in path.read_text().splitlines():
        if pin := _PIN.match(line):
            last = locked[_normal(pin[1])] = Locked(pin[2], Marker(pin[3]) if pin[3] else None)
        elif _HASH.search(line.rstrip(" \\")):
            last.hashes += 1
        elif line.startswith("    #"):
            last.wanted_by += filter(None, [re.sub(r"^    #\s+(via\s*)?", "", line)])
    return locked


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _compare(requirements: str, lock: str) -> list[str]:
    pins, locked = read_requirements(PROJECT / requirements), read_lock(PROJECT / lock)
    wrong = [f"{lock}: {name} has no hash" for name, entry in locked.items() if not entry.hashes]
    asked_for = {name: entry.version for name, entry in locked.items() if entry.is_asked_for}
    return wrong + [
        f"{name} is {pins.get(name)} in {requirements}, and {asked_for.get(name)} in {lock}"
        for name in sorted(pins.keys() | asked_for.keys())
        if pins.get(name) != asked_for.get(name)
    ]


def _between_locks(runtime: dict[str, Locked], develop: dict[str, Locked]) -> list[str]:
    return [
        f"{name} is {entry.version} in requirements.lock, and another or none in requirements-dev.lock"
        for name, entry in runtime.items()
        if name not in develop or develop[name].version != entry.version
    ]


def _installed(locked: dict[str, Locked]) -> list[str]:
    wrong = []
    for name, entry in locked.items():
        found = _version(name)
        if found != entry.version and (entry.marker is None or entry.marker.evaluate()):
            wrong.append(f"{name} is {entry.version} in requirements-dev.lock, and here: {found or 'not installed'}")
    return wrong


def _needed_elsewhere(locked: dict[str, Locked]) -> list[str]:
    """What the installed packages say that they need, on this platform with any of `PYTHONS`; extras are left out."""
    return [
        f"{name} needs {needed} with Python {python['python_version']}, which is not locked"
        for name in locked
        if _version(name)
        for needed in map(Requirement, distribution(name).requires or ())
        for python in PYTHONS
        if _holds(needed.marker, python) and not _is_locked(needed, locked, python)
    ]


def _is_locked(needed: Requirement, locked: dict[str, Locked], python: dict[str, str]) -> bool:
    entry = locked.get(_normal(needed.name))
    return entry is not None and _holds(entry.marker, python)


def _holds(marker: Marker | None, python: dict[str, str]) -> bool:
    return marker is None or marker.evaluate({**python, "extra": ""})


def _version(name: str) -> str | None:
    """None if it is not installed."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()

"""`make prove`: attacks every promise, and every planted bug too; writes docs/proof.md.

LONG=1 does it in full, ONLY=row (or several, with commas) leaves the others' part of the page as it is, SEED=n repeats.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.prove import planted, report
from tests.prove.promises import PROMISES, Planted, Promise

_PROJECT = Path(__file__).resolve().parent.parent.parent
_FOLDER = _PROJECT / "var" / "prove"
_LANES = 4  # on two processors: much of the time of many attacks is waiting
_LONGEST = ("leaks", "tenants", "api", "kills", "engine", "outages")  # begin first, so that the lanes end together


@dataclass(frozen=True)
class Run:
    """An attack on the product as it is, or with a bug."""

    promise: Promise
    planted: Planted | None
    count: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.promise.name}-{self.planted.name}" if self.planted else self.promise.name

    def make(self) -> dict[str, dict[str, Any]]:
        """By its name: what tests/prove/row.py says of it, and whether that is as it should be."""
        result = _FOLDER / f"{self.name}.json"
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.prove.row", self.promise.name, self.count, self.seed, result]
        environment = planted.environment(self.planted.name) if self.planted else {}
        with (_FOLDER / f"{self.name}.log").open("w") as log:
            subprocess.run(
                list(map(str, command)),
                cwd=_PROJECT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                check=False,
            )
        fault = {"fault": f"see {log.name}", "seconds": 0.0, "processor_seconds": 0.0}
        outcome = json.loads(result.read_text()) if result.exists() else fault
        outcome |= {"count": self.count, "seed": self.seed, "when": report.now()}
        outcome["as_it_should_be"] = self._is_as_it_should_be(outcome)
        print(_line(self, outcome), flush=True)
        return {self.name: outcome}

    def _is_as_it_should_be(self, outcome: dict[str, Any]) -> bool:
        if self.planted is None:
            return "figures" in outcome
        return bool(re.search(self.planted.shows, outcome.get("broken", "")))


def _line(run: Run, outcome: dict[str, Any]) -> str:
    verdict = "ok  " if outcome["as_it_should_be"] else "FAIL"
    said = outcome.get("fault") or outcome.get("broken") or report.figures(outcome["figures"])
    times = f"{outcome['seconds']:6.1f} s, {outcome['processor_seconds']:6.1f} s of a processor"
    return f"{verdict} {run.name:28} {times}  {said.splitlines()[0][:120]}"


def _worked() -> float:
    """Seconds that all processors have worked since the machine was started, for whomever."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def _runs(names: list[str], long: bool, seed: int) -> Iterator[Run]:
    for name in names:
        promise = PROMISES[name]
        yield Run(promise, None, promise.full if long else promise.short, seed)
        yield from (Run(promise, bug, bug.count, seed) for bug in promise.planted)


def _place(run: Run) -> tuple[bool, int]:
    """The controls, which are short, last."""
    place = _LONGEST.index(run.promise.name) if run.promise.name in _LONGEST else len(_LONGEST)
    return run.planted is not None, place


def main() -> int:
    names = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(PROMISES)
    long, seed = bool(os.environ.get("LONG")), int(os.environ.get("SEED") or secrets.randbelow(10**9))
    _FOLDER.mkdir(parents=True, exist_ok=True)
    runs = sorted(_runs(names, long, seed), key=_place)
    began, worked = time.monotonic(), _worked()
    outcomes = {}
    with ThreadPoolExecutor(_LANES) as lanes:
        for done in as_completed(lanes.submit(run.make) for run in runs):
            outcomes |= done.result()
            report.write(_FOLDER / "outcomes.json", outcomes, long)  # what breaks off has told of what was done
    seconds = time.monotonic() - began
    if set(names) == set(PROMISES):
        report.write_whole(_FOLDER / "outcomes.json", long, seconds)
    wrong = [name for name, outcome in outcomes.items() if not outcome["as_it_should_be"]]
    print(f"{len(runs) - len(wrong)} of {len(runs)} as they should be, in {seconds / 60:.1f} minutes")
    print(f"Of the processors' time the whole machine took {_worked() - worked:.0f} s, PostgreSQL's included.")
    if wrong:
        print(f"not as they should be: {', '.join(wrong)}; see {_FOLDER}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

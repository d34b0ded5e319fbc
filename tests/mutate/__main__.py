"""`make mutate`: changes one thing at a time in the engine and in tenancy; some test must notice, or the words say why.

Writes what docs/proof.md says of it. AGAIN=1 tries those alone that no test has killed yet, as after a new test.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.mutate.explained import EXPLAINED

_PROJECT = Path(__file__).resolve().parent.parent.parent
_FOLDER = _PROJECT / "var" / "mutate"
_KILLED = _FOLDER / "killed.json"
_PAGE = _PROJECT / "tests" / "prove" / "mutants.md"
_LANES = 2
_PATIENCE = 600  # seconds, on a busy machine; who takes longer hangs, and that is noticed, too

_ENGINE = ["test_batch.py", "test_batch_failures.py", "test_batch_identity.py", "test_batch_cost.py"]
_OF_ENGINE = [*(f"tests/actions/{name}" for name in _ENGINE), "tests/api/test_task_tags_patch.py"]
# The tests that notice, quick ones first; none of them needs a server.
TESTS = {
    "tags/actions/batch.py": [*_OF_ENGINE, "tests/actions/test_batch_model.py"],
    "tags/db/tenancy.py": [
        "tests/tenancy/test_policies.py",
        "tests/tenancy/test_travelling_keys.py",
        *_OF_ENGINE[:2],
    ],
}


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int
    text: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.text}"


class Lane:
    """A copy of the project, with a database server of its own; its mutants come one after the other."""

    def __init__(self, number: int) -> None:
        self.folder = _FOLDER / f"lane{number}"
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(command, cwd=_PROJECT, check=True, capture_output=True, text=True).stdout
        for name in files.splitlines():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_PROJECT / name, self.folder / name)

    def notices(self, mutant: Mutant) -> bool:
        file = self.folder / mutant.path
        original = file.read_text()
        file.write_text(mutant.source)
        try:
            return not self.passes(TESTS[mutant.path])
        finally:
            file.write_text(original)

    def passes(self, tests: list[str]) -> bool:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        with (self.folder / "var.log").open("w") as log:
            try:
                return not subprocess.run(
                    command, cwd=self.folder, stdout=log, stderr=log, check=False, timeout=_PATIENCE
                ).returncode
            except subprocess.TimeoutExpired:
                return False

    def close(self) -> None:
        EmbeddedPostgres(self.folder / "var" / "test" / "postgres").stop()


def _mutants() -> Iterator[Mutant]:
    command = [_FOLDER / "venv" / "bin" / "python", "-m", "tests.mutate.mutants", *TESTS]
    made = subprocess.run(list(map(str, command)), cwd=_PROJECT, check=True, capture_output=True, text=True).stdout
    return (Mutant(**json.loads(line)) for line in made.splitlines())


def _kill(mutants: list[Mutant]) -> set[str]:
    """Those that a test notices."""
    lanes: Queue[Lane] = Queue()
    for number in range(_LANES):
        lanes.put(Lane(number))

    def notice(mutant: Mutant) -> bool:
        lane = lanes.get()
        try:
            noticed = lane.notices(mutant)
        finally:
            lanes.put(lane)
        print("killed  " if noticed else "SURVIVED", mutant, flush=True)
        return noticed

    for tests in TESTS.values():
        if not lanes.queue[0].passes(tests):
            raise SystemExit(f"without any mutant these fail: {tests}; see {lanes.queue[0].folder}/var.log")
    with ThreadPoolExecutor(_LANES) as pool:
        noticed = list(pool.map(notice, mutants))
    for lane in lanes.queue:
        lane.close()
    return {str(mutant) for mutant, killed in zip(mutants, noticed, strict=True) if killed}


def main() -> int:
    mutants = list(_mutants())
    killed = set(json.loads(_KILLED.read_text())) if os.environ.get("AGAIN") and _KILLED.exists() else set()
    killed |= _kill([mutant for mutant in mutants if str(mutant) not in killed])
    _KILLED.write_text(json.dumps(sorted(killed), indent=1))
    survivors = [mutant for mutant in mutants if str(mutant) not in killed]
    unexplained = [mutant for mutant in survivors if (mutant.path, mutant.text) not in EXPLAINED]
    _PAGE.write_text(_page(mutants, survivors))
    print(f"{len(mutants)} mutants, {len(survivors)} survived, {len(unexplained)} of them unexplained")
    print(*unexplained, sep="\n")
    return 1 if unexplained else 0


def _page(mutants: list[Mutant], survivors: list[Mutant]) -> str:
    made, left = (Counter(mutant.path for mutant in some) for some in (mutants, survivors))
    table = [f"| `{path}` | {made[path]} | {made[path] - left[path]} | {left[path]} |" for path in TESTS]
    words = [
        f"- `{mutant.path}`, line {mutant.line}: `{mutant.text}`: "
        + EXPLAINED.get((mutant.path, mutant.text), "**not explained**")
        for mutant in survivors
    ]
    return _TEXT.format(table="\n".join(table), words="\n".join(words))


_TEXT = """## Mutants

`make mutate` changes one thing at a time in the engine and in what keeps organizations apart (mutmut makes the
changes), and runs the tests that are about it. A change that no test notices is a gap in the tests, or changes nothing
of what is promised.

| file | mutants | killed by a test | left |
| --- | --- | --- | --- |
{table}

Those that are left:

{words}
"""


if __name__ == "__main__":
    sys.exit(main())

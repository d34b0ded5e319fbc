"""`make mutate`: changes one thing at a time in the engine and in tenancy; some test must notice, or the words say why.

Writes what docs/proof.md says of it, after each mutant. Those that are explained are not tried. AGAIN=1 tries those
alone that no test has killed yet: after a new test, or where the last run was broken off.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.mutate.explained import EXPLAINED

_PROJECT = Path(__file__).resolve().parent.parent.parent
_FOLDER = _PROJECT / "var" / "mutate"
_NOTICED = _FOLDER / "noticed.json"
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

    @property
    def explanation(self) -> str:
        return EXPLAINED.get((self.path, self.text), "")

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


def _check_tests() -> None:
    lane = Lane(0)
    for tests in TESTS.values():
        if not lane.passes(tests):
            raise SystemExit(f"without any mutant these fail: {tests}; see {lane.folder}/var.log")


def _try(mutants: list[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Each, and whether a test notices it."""
    lanes: Queue[Lane] = Queue()
    for number in range(_LANES):
        lanes.put(Lane(number))

    def notice(mutant: Mutant) -> tuple[Mutant, bool]:
        lane = lanes.get()
        try:
            return mutant, lane.notices(mutant)
        finally:
            lanes.put(lane)

    with ThreadPoolExecutor(_LANES) as pool:
        for done in as_completed(pool.submit(notice, mutant) for mutant in mutants):
            yield done.result()
    for lane in lanes.queue:
        lane.close()


def main() -> int:
    mutants = list(_mutants())
    again = bool(os.environ.get("AGAIN")) and _NOTICED.exists()
    before: dict[str, bool] = json.loads(_NOTICED.read_text()) if again else {}
    noticed = {name: True for name, is_noticed in before.items() if is_noticed}
    if not again:
        _check_tests()
    for mutant, is_noticed in _try([one for one in mutants if not noticed.get(str(one)) and not one.explanation]):
        print("killed  " if is_noticed else "SURVIVED", mutant, flush=True)
        noticed[str(mutant)] = is_noticed
        _NOTICED.write_text(json.dumps(noticed, indent=1))
        _PAGE.write_text(_page(mutants, noticed))
    _PAGE.write_text(_page(mutants, noticed))  # also where none was left to try
    left = [mutant for mutant in mutants if not noticed.get(str(mutant)) and not mutant.explanation]
    print(f"{len(mutants)} mutants, {len(left)} neither killed nor explained", *left, sep="\n")
    return 1 if left else 0


def _page(mutants: list[Mutant], noticed: dict[str, bool]) -> str:
    table = "\n".join(_row(path, [one for one in mutants if one.path == path], noticed) for path in TESTS)
    explained = [f"- `{one.text}` ({one.path}): {one.explanation}" for one in mutants if one.explanation]
    survived = [f"- `{one.text}` ({one.path}): **not explained**" for one in mutants if noticed.get(str(one)) is False]
    return _TEXT.format(table=table, words="\n".join([*explained, *survived]))


def _row(path: str, mutants: list[Mutant], noticed: dict[str, bool]) -> str:
    explained = sum(bool(one.explanation) for one in mutants)
    killed, survived = ([noticed.get(str(one)) for one in mutants].count(value) for value in (True, False))
    rest = len(mutants) - explained - killed - survived
    return f"| `{path}` | {len(mutants)} | {killed} | {explained} | {survived} | {rest} |"


_TEXT = """## Mutants

`make mutate` changes one thing at a time in the engine and in what keeps organizations apart (mutmut makes the
changes), and runs the tests that are about it. A change that no test notices is a gap in the tests, or changes nothing
of what is promised. `make mutate AGAIN=1` goes on where a run was broken off.

| file | mutants | killed by a test | explained | survived | not tried yet |
| --- | --- | --- | --- | --- | --- |
{table}

Those that break no promise, and are not tried:

{words}
"""


if __name__ == "__main__":
    sys.exit(main())

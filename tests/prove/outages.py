"""PostgreSQL's disk is full, PostgreSQL is gone, PostgreSQL is frozen: what clients are told, and what is left."""

import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.cast import operation
from tests.live.servers import Site
from tests.prove import planted

_CLIENTS = 8  # at once: as many as one web process has threads, so that none waits for one
# In which a request is answered, whatever state the database is in: it is waited for 15 s.
_MOST_SECONDS = 20.0
_RECOVERY = 10.0
_LEFT = 2**20  # bytes, on the full disk: some writes still find room
_METADATA = "x" * 20_000  # fills a small disk soon


@dataclass(frozen=True)
class Figures:
    answers_503_on_a_full_disk: int
    reads_on_a_full_disk: int
    answers_503_without_a_database: int
    answers_503_from_a_frozen_database: int
    slowest_answer_in_seconds: float
    slowest_recovery_in_seconds: float
    batches_acknowledged_and_kept: int


@dataclass
class Trial:
    site: Site
    disk: Path
    client: httpx.Client
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    slowest: float = 0.0
    recoveries: list[float] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)  # of the figures that are counts

    def write(self) -> int:
        tag = f"{self.chance.random()}"
        change = operation("add", self.site.flow_execution_id, "extract", tag, tag_metadata=_METADATA)
        status = self._ask("PATCH", "/api/task-tags", json={"tags": [change]})
        if status == 200:
            self.acknowledged.append(tag)
        return status

    def read(self) -> int:
        return self._ask("GET", "/api/flow-executions/" + self.site.flow_execution_id)

    def _ask(self, method: str, path: str, **more: Any) -> int:
        """200, or 503 as the contract has it; how long it took is kept."""
        began = time.monotonic()
        try:
            answer = self.client.request(method, path, **more)
        except httpx.TimeoutException:
            raise AssertionError(f"{method} {path} was not answered within {_MOST_SECONDS:g} s") from None
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert answer.status_code in (200, 503), f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code == 503:
            assert answer.json()["error"]["code"] == "repository_error", answer.text
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status_code

    def all_at_once(self) -> list[int]:
        calls: list[Callable[[], int]] = [self.write, self.read] * (_CLIENTS // 2)
        with ThreadPoolExecutor(_CLIENTS) as clients:
            return [future.result() for future in [clients.submit(call) for call in calls]]

    def recover(self) -> None:
        """From now on, until reads and writes are taken again."""
        began = time.monotonic()
        while (self.read(), self.write()) != (200, 200):
            seconds = time.monotonic() - began
            assert seconds < _RECOVERY, f"{seconds:.0f} s after the database was back it was still 503"
            time.sleep(0.1)
        self.recoveries.append(time.monotonic() - began)

    def times(self) -> dict[str, float]:
        return {
            "slowest_answer_in_seconds": self.slowest,
            "slowest_recovery_in_seconds": max(self.recoveries),
        }

    def check_kept(self) -> None:
        query = {"flow_execution_id": self.site.flow_execution_id}
        kept = [tag["tag"] for tag in self.client.get("/api/task-tags", params=query).json()]
        lost = set(self.acknowledged) - set(kept)
        assert not lost, f"{len(lost)} of {len(self.acknowledged)} acknowledged batches are lost"
        assert len(kept) == len(set(kept))


def attack(count: int, seed: int) -> Figures:
    """Each of the three, that many times."""
    with (
        tempfile.TemporaryDirectory(prefix="prove-") as name,
        _small_disk(Path(name) / "postgres") as disk,
        closing(Site(Path(name))) as site,
        httpx.Client(base_url=site.servers.url, headers=site.headers, timeout=_MOST_SECONDS) as client,
    ):
        trial = Trial(site, disk, client, random.Random(seed))  # noqa: S311  # not a secret
        for hurt in _hurts():
            for _ in range(count):
                hurt(trial)
                trial.recover()
        trial.check_kept()
    return Figures(**trial.tally, **trial.times(), batches_acknowledged_and_kept=len(trial.acknowledged))


def _hurts() -> list[Callable[[Trial], None]]:
    """A control has a bug that one of them shows."""
    shown_by = {"endless_patience": [_freeze_the_database], "fault_of_ours": [_lose_the_database]}
    return shown_by.get(planted.bug(), [_fill_the_disk, _lose_the_database, _freeze_the_database])


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)  # who may not mount cannot make this attack
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill_the_disk(trial: Trial) -> None:
    """Write until it is refused, and go on; reads are answered for as long as PostgreSQL itself goes on."""
    assert [trial.write() for _ in range(100)] == [200] * 100
    ballast = trial.disk / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while True:
            file.write(bytes(2**16))
    os.truncate(ballast, ballast.stat().st_size - _LEFT)
    statuses: list[int] = []
    while statuses.count(503) < 10:
        statuses.append(trial.write())
        assert len(statuses) < 20_000, "the disk is full, and every write is acknowledged"
    reads = [trial.read() for _ in range(10)]
    if trial.site.postgres.is_running():
        assert reads == [200] * 10, "PostgreSQL runs, and reads are refused"
    ballast.unlink()
    trial.site.postgres.start()  # as a supervisor does, if it gave up
    trial.tally.update(answers_503_on_a_full_disk=statuses.count(503), reads_on_a_full_disk=reads.count(200))


def _lose_the_database(trial: Trial) -> None:
    for process in _stopped(trial):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    statuses = trial.all_at_once()
    assert set(statuses) == {503}, statuses
    assert trial.client.get("/healthz").status_code == 200
    trial.site.postgres.start()
    trial.tally.update(answers_503_without_a_database=len(statuses))


def _freeze_the_database(trial: Trial) -> None:
    """Stopped with all its connections open: nothing is refused, and nothing is answered."""
    frozen = _stopped(trial)
    try:
        statuses = trial.all_at_once()
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    assert set(statuses) == {503}, statuses
    trial.tally.update(answers_503_from_a_frozen_database=len(statuses))


def _stopped(trial: Trial) -> list[psutil.Process]:
    """All processes of PostgreSQL; the first of them first, which would make more of them meanwhile."""
    pid = int((trial.site.postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
    first = psutil.Process(pid)
    first.send_signal(signal.SIGSTOP)
    processes = [first, *first.children()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    return processes

"""What producers tell of runs, in one form, whoever they are.

An observation is a bundle of claims about a record. Of several claims about the same thing the one of the highest rank
counts, then the latest, so what is stored in the end does not depend on the order in which they arrived, nor on how
often. `tags/actions/ingest.py` writes them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tags.models.execution import FLOW_NAME_LENGTH, TASK_NAME_LENGTH

# Ranks of a status: what has ended never goes back to running.
QUEUED, RUNNING, ENDED = 0, 1, 2

# Where in a record's JSON the value stands: a key, or a key and a key below it.
Path = tuple[str, ...]


class Claim(NamedTuple):
    """A value that a producer states, as of a time (aware, in UTC)."""

    value: Any
    time: datetime
    rank: int = 0


@dataclass(frozen=True, slots=True)
class FlowExecutionObservation:
    """`flow_name` is a text of at most 200 characters; `status` a FlowExecutionStatus."""

    id: UUID
    flow_name: Claim
    status: Claim | None = None
    input: Mapping[Path, Claim] = field(default_factory=dict)
    # The names of tasks whose latest run turned out to be skipped, though it ended well for itself.
    skipped: Claim | None = None


@dataclass(frozen=True, slots=True)
class TaskExecutionObservation:
    """One run of a task. `status` is a ProcessingStatus; of one that has ended, its time is when. The error goes whole.

    `run_id` is the producer's own id of the run, if other observations may name it (`DetailObservation`).
    """

    flow_execution_id: UUID
    task_name: str
    idx: int
    status: Claim | None = None
    started_at: datetime | None = None  # the earliest counts
    input: Mapping[Path, Claim] = field(default_factory=dict)
    output: Mapping[Path, Claim] = field(default_factory=dict)
    error: Claim | None = None
    run_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DetailObservation:
    """Something inside a task's run, such as a query, which is known by that run's id alone. It waits for it."""

    parent_run_id: UUID
    input: Mapping[Path, Claim]


Observation = FlowExecutionObservation | TaskExecutionObservation | DetailObservation
Observations = Sequence[Observation]


def flow_name(text: str) -> str:
    return _fitting(text, FLOW_NAME_LENGTH)


def task_name(text: str) -> str:
    return _fitting(text, TASK_NAME_LENGTH)


def _fitting(text: str, length: int) -> str:
    """A name as it is; one that is too long keeps its beginning, and a digest so that it stays itself."""
    text = text or "(no name)"
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{text[: length - 9]}…{digest}"

"""Which of several claims about a record counts; no database here.

A record's `claims` hold, for each thing claimed, the stamp [rank, time] of the claim that counts; the value itself
stands in the record's column. The stamp of a status also holds the status: the column may say something else, because a
person or a program set it. A column that they wrote is theirs, and no claim changes it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tags.actions.observations import (
    ENDED,
    Claim,
    FlowExecutionObservation,
    Path,
    TaskExecutionObservation,
)
from tags.db import exact_json
from tags.models import EditedStatus, FlowExecutionStatus, ProcessingStatus, StaleStatus
from tags.models.ids import uuid7_text

# Stands in place of a column's stamps when somebody else than a producer wrote the column.
THEIRS = "theirs"
_DELETED = FlowExecutionStatus.DELETED.value


def time_text(time: datetime) -> str:
    """Times in UTC, of one form, so that their order as texts is their order."""
    return time.isoformat(timespec="microseconds")


# The time of a claim that is told apart by its rank alone, so that the same told again changes nothing.
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False, slots=True)
class _Claimed:
    claims: dict[str, Any]
    changed: set[str] = field(default_factory=set, kw_only=True)
    is_new: bool = field(default=False, kw_only=True)

    @property
    def has_visibly_changed(self) -> bool:
        return self.is_new or bool(self.changed - {"claims", "skipped"})

    def _counts(self, key: str, claim: Claim, held_value: Any) -> bool:
        """Whether the claim counts more than the one that is held; then it is held from now on.

        Of two that are equal in rank and time the one with the larger digest counts, whichever came first.
        """
        stamp = [claim.rank, time_text(claim.time)]
        held = self.claims.get(key)
        if held is not None:
            if held[:2] > stamp:
                return False
            if held[:2] == stamp:
                digests = exact_json.canonical_digest(held_value), exact_json.canonical_digest(claim.value)
                if digests[0] >= digests[1]:
                    return False
        self.claims[key] = stamp
        self.changed.add("claims")
        return True

    def _take_status(self, claim: Claim | None) -> bool:
        if claim is None:
            return False
        if claim.rank % 10 < ENDED:
            claim = claim._replace(time=_ANY_TIME)
        held = self.claims.get("status")
        if not self._counts("status", claim, held and held[2]):
            return False
        self.claims["status"].append(str(claim.value))
        return True

    def _own(self, column: str, value: Any) -> bool:
        """Whether the column is the producers' to write: nobody else has."""
        if column not in self.claims:
            self.claims[column] = THEIRS if value else "ours"
        return bool(self.claims[column] != THEIRS)

    def _take_values(self, column: str, claims: Mapping[Path, Claim]) -> None:
        """Each value at its path in the column's object."""
        if not claims:
            return
        current = getattr(self, column)
        if not self._own(column, current):
            return
        merged = current if isinstance(current, dict) else {}
        for path, claim in claims.items():
            group = merged if len(path) == 1 else merged.setdefault(path[0], {})
            if self._counts("/".join((column, *path)), claim, group.get(path[-1])):
                group[path[-1]] = claim.value
                self.changed.add(column)
        setattr(self, column, merged or current)


@dataclass(eq=False, slots=True)
class FlowExecutionRecord(_Claimed):
    """A flow execution as it is stored, or will be."""

    id: UUID
    status: str
    input: Any
    flow_name: str | None = None  # the one to move to; None leaves it where it is
    # The names of tasks that are skipped now and were not before, or the other way round.
    reconsidered: set[str] = field(default_factory=set)

    @property
    def is_deleted(self) -> bool:
        return self.status == _DELETED

    @property
    def skipped(self) -> list[str]:
        held = self.claims.get("skipped")
        return held[2] if held else []

    def take(self, observation: FlowExecutionObservation) -> None:
        if self._own("flow", not self.is_new and "flow" not in self.claims):
            held = self.claims.get("flow_name")
            if self._counts("flow_name", observation.flow_name._replace(time=_ANY_TIME), held and held[2]):
                self.claims["flow_name"].append(observation.flow_name.value)
                self.flow_name = observation.flow_name.value
                self.changed.add("flow")
        if self._take_status(observation.status):
            self._set_status(self.claims["status"][2])
        self._take_values("input", observation.input)
        if observation.skipped is not None:
            self._take_skipped(observation.skipped)

    def _take_skipped(self, claim: Claim) -> None:
        before = self.skipped
        if self._counts("skipped", claim, before):
            self.claims["skipped"].append(claim.value)
            self.changed.add("skipped")
            self.reconsidered |= {*before} ^ {*claim.value}

    def _set_status(self, status: str) -> None:
        if self.status != status:
            self.status = status
            self.changed.add("status")


@dataclass(eq=False, slots=True)
class TaskExecutionRecord(_Claimed):
    """A task execution as it is stored, or will be."""

    flow_execution_id: UUID
    task_name: str
    idx: int
    id: str = field(default_factory=uuid7_text)
    status: str = ProcessingStatus.QUEUED.value
    edited_status: str = EditedStatus.NOT_EDITED.value
    stale_status: str = StaleStatus.CONSISTENT.value
    created_at: str | None = None  # None of a new one
    started_at: str | None = None
    completed_at: str | None = None
    input: Any = None
    output: Any = None
    error: Any = None

    def take(self, observation: TaskExecutionObservation) -> None:
        if self._take_status(observation.status):
            self._settle_status()
        if observation.started_at is not None and self._own("started_at", self.started_at):
            started_at = time_text(observation.started_at)
            if self.started_at is None or started_at < self.started_at:
                self.started_at = started_at
                self.changed.add("started_at")
        self._take_values("input", observation.input)
        self._take_values("output", observation.output)
        error = observation.error
        if error is not None and self._own("error", self.error) and self._counts("error/", error, self.error):
            self.error = error.value
            self.changed.add("error")

    def skip(self, is_skipped: bool) -> None:
        """Of the latest run of a task that was skipped, the producer says that it ended well."""
        if is_skipped != ("skipped" in self.claims):
            if is_skipped:
                self.claims["skipped"] = True
            else:
                del self.claims["skipped"]
            self.changed.add("claims")
            self._settle_status()

    def _settle_status(self) -> None:
        held = self.claims.get("status")
        if held is None:
            return
        rank, time, status = held
        if "skipped" in self.claims and status == ProcessingStatus.COMPLETED:
            status = ProcessingStatus.CANCELLED.value
        completed_at = time if rank % 10 >= ENDED else None
        if self.status != status:
            self.status = status
            self.changed.add("status")
        if self._own("completed_at", self.completed_at) and self.completed_at != completed_at:
            self.completed_at = completed_at
            self.changed.add("completed_at")


def written_by_others(claims: dict[str, Any] | None, columns: Mapping[str, Any]) -> dict[str, Any] | None:
    """The claims of a record after somebody else than a producer wrote these columns of it."""
    if claims is None:
        return None
    theirs = {name for name in columns if name in ("input", "output", "error", "started_at", "completed_at")}
    kept = {key: stamp for key, stamp in claims.items() if key.split("/")[0] not in theirs}
    return {**kept, **dict.fromkeys(theirs, THEIRS)}

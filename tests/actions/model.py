"""The contract of the batch, executable: plain lists and loops, written from the contract and not from the engine."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID


@cache  # the model compares each tag with all others
def read(text: str | None) -> Any:
    """The JSON value of a text, every number as the exact Decimal that is written; absent means null."""
    return None if text is None else json.loads(text, parse_int=Decimal, parse_float=Decimal)


def same(one: Any, other: Any) -> bool:
    """Whether two are the same JSON value: a boolean is no number, 1 is 1.0, and an object's keys have no order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@dataclass(frozen=True)
class Step:
    """One operation as a client writes it; `metadata` is a JSON text, or None for an absent field."""

    kind: str
    execution: UUID
    task: str
    tag: str
    tag_type: str
    metadata: str | None


@dataclass(eq=False)
class Record:
    """A tag, active until it is removed; batches are known by their number."""

    step: Step
    added_by: str
    added_in: int
    removed_by: str | None = None
    removed_in: int | None = None

    @property
    def active(self) -> bool:
        return self.removed_in is None

    def is_tag_of(self, step: Step) -> bool:
        mine, other = self.step, step
        return (mine.execution, mine.task, mine.tag, mine.tag_type) == (
            other.execution,
            other.task,
            other.tag,
            other.tag_type,
        ) and same(read(mine.metadata), read(other.metadata))


@dataclass(frozen=True)
class Change:
    """An event, at its place in the list; `record` is None where something else than a tag changed."""

    type: str
    by: str
    batch: int
    record: Record | None = None


class Refused(Exception):
    """The whole batch; `places` are the index and the field of each operation at fault."""

    def __init__(self, places: list[tuple[int, str]]) -> None:
        super().__init__(places)
        self.places = places


@dataclass
class Model:
    tasks: dict[UUID, set[str]] = field(default_factory=dict)  # of the flow executions that exist
    records: list[Record] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    batches: int = 0

    def happened(self, change_type: str, by: str) -> None:
        """Something else than a batch."""
        self.batches += 1
        self.changes.append(Change(change_type, by, self.batches))

    def apply(self, steps: Sequence[Step], by: str) -> list[str]:
        self._refuse_unknown_targets(steps)
        self.batches += 1
        return [self._play(step, by) for step in steps]

    def _refuse_unknown_targets(self, steps: Sequence[Step]) -> None:
        places = []
        for index, step in enumerate(steps):
            if step.execution not in self.tasks:
                places.append((index, "flow_execution_id"))
            elif step.task not in self.tasks[step.execution]:
                places.append((index, "task_name"))
        if places:
            raise Refused(places)

    def _play(self, step: Step, by: str) -> str:
        active = [record for record in self.records if record.active and record.is_tag_of(step)]
        if step.kind == "add":
            return "already_exists" if active else self._add(step, by)
        return self._remove(active[0], by) if active else "not_found"

    def _add(self, step: Step, by: str) -> str:
        record = Record(step, by, self.batches)
        self.records.append(record)
        self.changes.append(Change("task_tag.added", by, self.batches, record))
        return "added"

    def _remove(self, record: Record, by: str) -> str:
        record.removed_by, record.removed_in = by, self.batches
        self.changes.append(Change("task_tag.removed", by, self.batches, record))
        return "removed"

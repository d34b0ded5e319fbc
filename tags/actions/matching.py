"""Which task executions a review rule matches; no database here."""

import fnmatch
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.utils.functional import cached_property  # that of Python 3.11 holds a lock for the whole class

from tags.actions import expressions
from tags.models import ProcessingStatus, ReviewRule

ENDED = (ProcessingStatus.COMPLETED.value, ProcessingStatus.FAILED.value, ProcessingStatus.CANCELLED.value)

# Which run of a task: flow execution, task name, idx.
Key = tuple[UUID, str, int]


@dataclass
class Candidate:
    """A task execution as rules look at it. Whoever made it may leave the flow's name to `apply_rules`."""

    flow_execution_id: UUID
    task_name: str
    idx: int
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    input: Any = None
    output: Any = None
    error: Any = None
    flow_name: str = ""

    @property
    def key(self) -> Key:
        return self.flow_execution_id, self.task_name, self.idx

    @cached_property
    def document(self) -> expressions.Document:
        """What an expression is evaluated over; docs/rules.md tells people of it."""
        duration = None
        if self.started_at is not None and self.completed_at is not None:
            duration = (self.completed_at - self.started_at).total_seconds()
        return expressions.Document(
            {
                "flow": self.flow_name,
                "task": self.task_name,
                "idx": self.idx,
                "status": self.status,
                "input": self.input,
                "output": self.output,
                "error": self.error,
                "duration": duration,
            }
        )


def may_match(rule: ReviewRule, candidate: Candidate) -> bool:
    """All but the expression: what can be told without the large values."""
    return (
        candidate.status in (rule.statuses or ENDED)
        and _fits(rule.task_pattern, candidate.task_name)
        and _fits(rule.flow_pattern, candidate.flow_name)
        and is_sampled(rule.id, rule.sampling_rate, candidate.key)
    )


def matches(rule: ReviewRule, candidate: Candidate) -> bool:
    """Raises EvaluationFailed, which counts as no match."""
    if not may_match(rule, candidate):
        return False
    return not rule.expression or expressions.holds(rule.expression, candidate.document)


def is_sampled(rule_id: UUID, rate: Decimal, key: Key) -> bool:
    """The same answer for the same run each time: a replay neither adds to the sample nor takes from it."""
    flow_execution_id, task_name, idx = key
    digest = hashlib.sha256(f"{rule_id}\n{flow_execution_id}\n{idx}\n{task_name}".encode()).digest()
    return int.from_bytes(digest[:8]) < rate * 2**64


def _fits(pattern: str, name: str) -> bool:
    return not pattern or _matcher(pattern)(name) is not None


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], Any]:
    """`*` and `?` alone are special: `[` is part of the names of mapped tasks. Never more than pattern times name."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match

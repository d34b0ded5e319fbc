"""What a review rule would have matched, without putting a tag on anything."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tags.actions.expressions import EvaluationFailed
from tags.actions.matching import Candidate, matches, may_match
from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.models import ReviewRule

MOST_LOOKED_AT = 50_000
EXAMPLES = 50
_SECONDS = 10
_WEEK = timedelta(days=7)
# Rows read at once; and how many of their large values.
_PAGE, _VALUES = 1_000, 100

# What was told of within the week, or ended in it; the index over created_at bounds the search, so of what took longer
# than another week from the first word to its end nothing is seen. Newest first.
_RUNS = """
    SELECT task.created_at, task.id, task.flow_execution_id, task.task_name, task.task_execution_idx,
           task.processing_status, task.started_at, task.completed_at, flow.name
    FROM task_execution AS task
    JOIN flow_execution AS execution
      ON execution.organization_id = task.organization_id AND execution.id = task.flow_execution_id
    JOIN flow ON flow.organization_id = task.organization_id AND flow.id = execution.flow_id
    WHERE task.organization_id = %(organization_id)s AND task.created_at >= %(earliest)s
      AND (task.created_at >= %(since)s OR task.completed_at >= %(since)s) AND execution.status <> 'deleted'
      AND (task.created_at, task.id) < (%(before)s, %(before_id)s)
    ORDER BY task.created_at DESC, task.id DESC LIMIT %(limit)s
"""
_VALUES_OF = """
    SELECT id, input::text, output::text, error::text FROM task_execution
    WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
"""
_LAST_ID = UUID(int=2**128 - 1)


@dataclass
class Matches:
    """Of the runs of the last week; `examples` are the newest, each with its record's id."""

    count: int = 0
    examples: list[tuple[UUID, Candidate]] = field(default_factory=list)
    looked_at: int = 0
    is_cut: bool = False
    # How often the expression failed, by kind of error.
    failures: dict[str, int] = field(default_factory=dict)


def matches_of_last_week(organization_id: UUID, rule: ReviewRule) -> Matches:
    """Looks at the newest MOST_LOOKED_AT at most, and for ten seconds; `is_cut` if there were more."""
    found = Matches()
    deadline = time.monotonic() + _SECONDS
    with in_organization(organization_id):
        for page in _pages(organization_id):
            likely = [(id, candidate) for id, candidate in page if may_match(rule, candidate)]
            for start in range(0, len(likely), _VALUES):
                if time.monotonic() > deadline:
                    found.is_cut = True
                    return found
                _look_at(organization_id, rule, likely[start : start + _VALUES], found)
            found.looked_at += len(page)
            if found.looked_at >= MOST_LOOKED_AT:
                found.is_cut = True
                break
    return found


def _look_at(organization_id: UUID, rule: ReviewRule, likely: Sequence[tuple[UUID, Candidate]], found: Matches) -> None:
    if rule.expression:
        candidates = dict(likely)
        for id, *texts in _query(_VALUES_OF, organization_id=organization_id, ids=list(candidates)):
            values = [text and exact_json.loads(text) for text in texts]
            candidates[id].input, candidates[id].output, candidates[id].error = values
    for id, candidate in likely:
        try:
            is_match = matches(rule, candidate)
        except EvaluationFailed as failed:
            found.failures[str(failed)] = found.failures.get(str(failed), 0) + 1
            continue
        if is_match:
            found.count += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append((id, candidate))


def _pages(organization_id: UUID) -> Iterator[list[tuple[UUID, Candidate]]]:
    """The runs, newest first, a statement for each page."""
    since = timezone.now() - _WEEK
    before: tuple[datetime, UUID] = (timezone.now() + _WEEK, _LAST_ID)
    while True:
        rows = _query(
            _RUNS,
            organization_id=organization_id,
            earliest=since - _WEEK,
            since=since,
            before=before[0],
            before_id=before[1],
            limit=_PAGE,
        )
        if not rows:
            return
        yield [(id, _candidate(values, flow_name)) for _, id, *values, flow_name in rows]
        before = rows[-1][:2]


def _candidate(values: Sequence[Any], flow_name: str) -> Candidate:
    flow_execution_id, task_name, idx, status, started_at, completed_at = values
    return Candidate(flow_execution_id, task_name, idx, status, started_at, completed_at, flow_name=flow_name)


def _query(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

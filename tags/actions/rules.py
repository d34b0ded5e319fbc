"""Review rules: written by admins, applied in the transaction in which a task execution is told of.

A firing is a row of its own, not a note in the claims of the task execution: those belong to ingest, are null for what
workers report, and every writer of them would have to carry the note along.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.utils.translation import gettext

from tags import metrics
from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.expressions import EvaluationFailed
from tags.actions.matching import Candidate, Key, matches
from tags.actions.rule_checks import check_rule
from tags.db import exact_json
from tags.db.clock import database_now
from tags.db.tenancy import in_organization, run
from tags.errors import NotFound
from tags.models import Actor, ReviewRule, TaskExecution, TaskTag
from tags.models.ids import uuid7, uuid7_text

__all__ = ["apply_rules", "change_rule", "check_rule", "create_rule", "delete_rule"]

logger = logging.getLogger("tagsite.rules")

# What `modified_by` shows of a tag that a rule has put on.
LABEL = "rule"

# To be asked with something else: to build the query of all rules, mostly for none, takes a fifth of an event's time.
ANY_ACTIVE = "EXISTS (SELECT FROM review_rule WHERE organization_id = %(organization_id)s AND is_active)"
_FLOW_NAMES = """
    SELECT flow_execution.id, flow.name FROM flow_execution
    JOIN flow ON flow.organization_id = flow_execution.organization_id AND flow.id = flow_execution.flow_id
    WHERE flow_execution.organization_id = %(organization_id)s AND flow_execution.id = ANY(%(ids)s::uuid[])
"""

# The rules are locked against their deletion, which would leave a firing without its rule.
_FIRE = """
    WITH rule AS (
        SELECT id FROM review_rule
        WHERE organization_id = %(organization_id)s AND id = ANY(%(rule_ids)s::uuid[])
        ORDER BY id FOR KEY SHARE
    )
    INSERT INTO rule_firing (id, organization_id, rule_id, flow_execution_id, task_name, task_execution_idx,
                             fired_at, taken_back)
    SELECT new.id, %(organization_id)s, rule.id, new.flow_execution_id, new.task_name, new.idx, %(now)s, false
    FROM jsonb_to_recordset(%(firings)s::jsonb) AS new(
             id uuid, rule_id uuid, flow_execution_id uuid, task_name text, idx int)
    JOIN rule ON rule.id = new.rule_id
    ON CONFLICT (organization_id, flow_execution_id, task_name, task_execution_idx, rule_id)
    DO UPDATE SET taken_back = false WHERE rule_firing.taken_back
    RETURNING rule_id, flow_execution_id, task_name
"""
_STANDING = """
    SELECT firing.rule_id, firing.flow_execution_id, firing.task_name, firing.task_execution_idx, review_rule.tags::text
    FROM rule_firing AS firing
    JOIN review_rule ON review_rule.organization_id = firing.organization_id AND review_rule.id = firing.rule_id
    WHERE firing.organization_id = %(organization_id)s AND NOT firing.taken_back
      AND (firing.flow_execution_id, firing.task_name) IN (SELECT * FROM unnest(%(ids)s::uuid[], %(names)s::text[]))
"""
_TAKE_BACK = """
    UPDATE rule_firing SET taken_back = true
    FROM jsonb_to_recordset(%(firings)s::jsonb) AS lost(rule_id uuid, flow_execution_id uuid, task_name text, idx int)
    WHERE rule_firing.organization_id = %(organization_id)s AND rule_firing.rule_id = lost.rule_id
      AND rule_firing.flow_execution_id = lost.flow_execution_id AND rule_firing.task_name = lost.task_name
      AND rule_firing.task_execution_idx = lost.idx
"""

# Which task: flow execution and task name. Tags are a task's, whatever its run.
_Task = tuple[UUID, str]
# Which tag of it: tag, tag type, digest of the metadata.
_Tag = tuple[str, str, bytes]


# Written by admins


def create_rule(organization_id: UUID, fields: Mapping[str, Any], rule_id: UUID | None = None) -> ReviewRule:
    """Raises Invalid."""
    check_rule(fields)
    with in_organization(organization_id):
        rule: ReviewRule = ReviewRule.objects.create(
            organization_id=organization_id, id=rule_id or uuid7(), **dict(fields)
        )
    return rule


def change_rule(organization_id: UUID, rule_id: UUID, fields: Mapping[str, Any]) -> None:
    """What has been tagged stays. Of two admins who change a rule at once, the later one's fields hold.

    Raises Invalid, or NotFound.
    """
    check_rule(fields)
    with in_organization(organization_id):
        rules = ReviewRule.objects.in_organization(organization_id).filter(id=rule_id)
        if not rules.update(**fields, updated_at=database_now()):
            raise NotFound(gettext("Rule not found"))


def delete_rule(organization_id: UUID, rule_id: UUID) -> None:
    """With what it remembers of having fired; its tags stay. Raises NotFound."""
    with in_organization(organization_id):
        deleted, _ = ReviewRule.objects.in_organization(organization_id).filter(id=rule_id).delete()
    if not deleted:
        raise NotFound(gettext("Rule not found"))


# Applied


def apply_rules(
    organization_id: UUID,
    actor: Actor,
    candidates: Iterable[Candidate],
    *,
    moved: Sequence[UUID] = (),
    takes_back: bool = False,
) -> None:
    """Put the tags of the active rules on the task executions that they match and have not fired for.

    `moved` are flow executions whose flow has changed: all of their tasks are looked at again. With `takes_back` a rule
    takes its tags off a task execution that it matched before and now does not, unless somebody has changed them: for
    ingest, where what was stored in between depends on the order in which a run was told. What a person takes off
    stays off.

    Caller must hold the flow executions' rows, in one transaction. One statement if there are no active rules.
    """
    wanted = {candidate.key: candidate for candidate in candidates}
    if not wanted and not moved:
        return
    with in_organization(organization_id):
        if not _has_rules(organization_id):
            return
        rules = list(ReviewRule.objects.in_organization(organization_id).filter(is_active=True).order_by("id"))
        if moved and any(rule.flow_pattern or "flow" in rule.expression for rule in rules):
            wanted = {**_tasks_of(organization_id, moved), **wanted}
        if not wanted:
            return
        applying = _Applying(organization_id, actor.request_id, {rule.id: rule for rule in rules})
        applying.look_at(list(wanted.values()))
        applying.fire()
        if takes_back:
            applying.take_back()


def _has_rules(organization_id: UUID) -> bool:
    [(has_rules,)] = run(f"SELECT {ANY_ACTIVE}", {"organization_id": organization_id})
    return bool(has_rules)


def candidate_of(record: TaskExecution) -> Candidate:
    return Candidate(
        record.flow_execution_id,
        record.task_name,
        record.task_execution_idx,
        record.processing_status,
        record.started_at,
        record.completed_at,
        record.input,
        record.output,
        record.error,
    )


def _tasks_of(organization_id: UUID, flow_execution_ids: Sequence[UUID]) -> dict[Key, Candidate]:
    records = TaskExecution.objects.in_organization(organization_id).filter(flow_execution_id__in=flow_execution_ids)
    candidates = map(candidate_of, records.defer("claims", "source_task_executions"))
    return {candidate.key: candidate for candidate in candidates}


@dataclass
class _Applying:
    """The rules over the task executions of one transaction."""

    organization_id: UUID
    request_id: str
    rules: dict[UUID, ReviewRule]
    matched: list[tuple[UUID, Key]] = field(default_factory=list)
    unmatched: set[tuple[UUID, Key]] = field(default_factory=set)

    def look_at(self, candidates: Sequence[Candidate]) -> None:
        ids = sorted({candidate.flow_execution_id for candidate in candidates})
        names = dict(self._query(_FLOW_NAMES, ids=ids))
        failures: Counter[tuple[UUID, str]] = Counter()
        for candidate in candidates:
            candidate.flow_name = names.get(candidate.flow_execution_id, "")
            for id, rule in self.rules.items():
                try:
                    is_match = matches(rule, candidate)
                except EvaluationFailed as failed:
                    failures[id, str(failed)] += 1
                    is_match = False
                if is_match:
                    self.matched.append((id, candidate.key))
                else:
                    self.unmatched.add((id, candidate.key))
        note_failures(failures)

    def fire(self) -> None:
        """The inserted row is the right to put the tags on: who finds it there already has nothing to do."""
        if not self.matched:
            return
        fired: dict[UUID, dict[_Task, None]] = defaultdict(dict)
        for rule_id, flow_execution_id, task_name in self._query(
            _FIRE,
            rule_ids=sorted({rule_id for rule_id, _ in self.matched}),
            firings=exact_json.dumps([{**_row(*firing), "id": uuid7_text()} for firing in self.matched]),
            now=database_now(),
        ):
            fired[rule_id][flow_execution_id, task_name] = None
        for rule_id in sorted(fired):
            self._apply(OperationKind.ADD, rule_id, fired[rule_id])

    def take_back(self) -> None:
        """Where all of a rule's tags are still as a rule has put them; else a person has dealt with it."""
        tasks = sorted({key[:2] for _, key in self.unmatched})
        standing = {
            (rule_id, (flow_execution_id, name, idx)): _identities(exact_json.loads(tags))
            for rule_id, flow_execution_id, name, idx, tags in self._query(
                _STANDING, ids=[id for id, _ in tasks], names=[name for _, name in tasks]
            )
        }
        lost = [firing for firing in standing if firing in self.unmatched]
        if not lost:
            return
        held: dict[_Task, set[_Tag]] = defaultdict(set)  # by other firings, of other rules or other runs of the task
        for (rule_id, key), tags in standing.items():
            if (rule_id, key) not in self.unmatched:
                held[key[:2]] |= tags
        ours = self._tags_of_rules({key[0] for _, key in lost})
        lost = [(id, key) for id, key in lost if standing[id, key] - held[key[:2]] <= ours[key[:2]]]
        self._run(_TAKE_BACK, firings=exact_json.dumps([_row(*firing) for firing in lost]))
        for rule_id in sorted({rule_id for rule_id, _ in lost}):
            self._apply(OperationKind.REMOVE, rule_id, {key[:2]: None for id, key in lost if id == rule_id}, held)

    def _tags_of_rules(self, flow_execution_ids: Iterable[UUID]) -> dict[_Task, set[_Tag]]:
        """The active tags that a rule has put on."""
        found: dict[_Task, set[_Tag]] = defaultdict(set)
        tags = TaskTag.objects.in_organization(self.organization_id).filter(
            flow_execution_id__in=flow_execution_ids, modified_by=LABEL
        )
        for id, name, *tag, digest in tags.values_list(
            "flow_execution_id", "task_name", "tag", "tag_type", "metadata_digest"
        ):
            found[id, name].add((*tag, bytes(digest)))
        return found

    def _apply(
        self, kind: OperationKind, rule_id: UUID, tasks: Iterable[_Task], held: Mapping[_Task, set[_Tag]] | None = None
    ) -> None:
        operations = [
            Operation(kind, *task, tag["tag"], tag["tag_type"], tag.get("tag_metadata"))
            for task in tasks
            for tag in self.rules[rule_id].tags
            if not held or _identity(tag) not in held[task]
        ]
        apply_batch(operations, Actor("rule", rule_id, LABEL, self.request_id), self.organization_id)

    def _query(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._run(statement, **parameters).fetchall()

    def _run(self, statement: str, **parameters: Any) -> psycopg.Cursor:
        return run(statement, {"organization_id": self.organization_id, **parameters})


def _row(rule_id: UUID, key: Key) -> dict[str, Any]:
    flow_execution_id, task_name, idx = key
    return {
        "rule_id": str(rule_id),
        "flow_execution_id": str(flow_execution_id),
        "task_name": task_name,
        "idx": idx,
    }


def _identities(tags: Sequence[Mapping[str, Any]]) -> set[_Tag]:
    return {_identity(tag) for tag in tags}


def _identity(tag: Mapping[str, Any]) -> _Tag:
    return tag["tag"], tag["tag_type"], exact_json.canonical_digest(tag.get("tag_metadata"))


def note_failures(failures: Mapping[tuple[UUID, str], int]) -> None:
    """One line for a rule and a kind of error, without anything of the data."""
    for (rule_id, kind), count in failures.items():
        metrics.RULE_FAILURES.inc(count)
        logger.warning("a rule's expression failed", extra={"rule": str(rule_id), "error": kind, "count": count})

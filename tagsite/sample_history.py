"""The demo's past two months: what the demo's own people decided about runs that waited for them.

Written as rows, with the times at which it would have happened, and in the same form as the actions write them: an
action knows no time but now. It is made up, from a fixed seed, and for the demo alone.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from tags.db import exact_json
from tags.models import (
    SYSTEM,
    Actor,
    DecidedTask,
    Decision,
    DecisionKind,
    Event,
    EventStream,
    EventType,
    Flow,
    FlowExecution,
    TagStatus,
    TaskExecution,
    TaskTag,
    User,
)
from tags.models.ids import uuid7

_DAYS = 60
_VENDORS = ["Nordwind Papier", "Alpenblick Catering", "Hafen Logistik", "Studio Lindgren", "Kramer & Co"]
_NOTES = ["Total checked against the order", "Same vendor as last month", "Amount is in the contract", "Read twice"]
_REASONS = ["Wrong vendor", "The total includes the deposit", "Not our invoice", "Clause 7 is missing"]
_TAG_OF = {DecisionKind.APPROVE: "approved", DecisionKind.REJECT: "rejected", DecisionKind.FLAG: "requires_attention"}


@dataclass
class _Task:
    """One that waits until somebody decides."""

    execution: FlowExecution
    name: str
    tags: dict[str, TaskTag] = field(default_factory=dict)
    since: datetime | None = None


class History:
    """Rows in the making. Steps may come in any order; their events are put in the order of their times."""

    def __init__(self, organization_id: UUID, reviewers: list[User]) -> None:
        self._organization_id = organization_id
        self._reviewers = reviewers
        self._random = random.Random(5)  # noqa: S311  # the same history each time, nothing secret
        self._now = timezone.now()
        self._rows: dict[type[Any], list[Any]] = {
            model: [] for model in (Flow, FlowExecution, TaskExecution, TaskTag, Decision, DecidedTask, Event)
        }
        self._flows: dict[str, Flow] = {}

    def load(self) -> None:
        """Into an organization whose stream is still empty; inside `in_organization`."""
        first = self._now.astimezone(UTC).date() - timedelta(days=_DAYS)
        for day in (first + timedelta(days=number) for number in range(_DAYS)):
            for _ in range(self._random.randint(0, 1) if day.weekday() >= 5 else self._random.randint(2, 7)):
                self._run(datetime.combine(day, time(7), UTC) + timedelta(minutes=self._random.randrange(600)))
        self._number_events()
        for model, rows in self._rows.items():
            model._default_manager.bulk_create(rows)
        streams = EventStream.objects.filter(organization_id=self._organization_id)
        streams.update(position=len(self._rows[Event]))

    def _add(self, model: type[Any], **values: Any) -> Any:
        row = model(id=uuid7(), organization_id=self._organization_id, **values)
        self._rows[model].append(row)
        return row

    def _number_events(self) -> None:
        events = sorted(self._rows[Event], key=lambda event: event.time)
        last = {}
        for position, event in enumerate(events, start=1):
            event.position = position
            last[event.batch_id] = position
        for decision in self._rows[Decision]:
            decision.position = last[decision.batch_id]

    # What happened

    def _run(self, at: datetime) -> None:
        chance = self._random
        if chance.random() < 0.7:
            total = chance.randint(4_000, 420_000) / 100
            output = {"vendor": chance.choice(_VENDORS), "total": total, "confidence": chance.randint(40, 79) / 100}
            task = self._waiting("invoice_intake", "extract_fields", output, {"why": "confidence below 0.8"}, at)
        else:
            output = {"summary": f"{chance.randint(1, 4)} clauses need a decision."}
            task = self._waiting("contract_review_agent", "write_summary", output, None, at)
        waited = timedelta(minutes=min(chance.lognormvariate(4.2, 1.1), 4_000))
        self._decisions(task, at + waited)

    def _decisions(self, task: _Task, at: datetime) -> None:
        """What has not been decided by now still waits, and so does some of what came lately."""
        chance = self._random.random()
        is_recent = at > self._now - timedelta(days=16)
        if at > self._now - timedelta(hours=1) or (is_recent and 0.1 < chance < 0.25):
            return
        if chance < 0.05:
            self._decide(DecisionKind.FLAG, task, at, "Please look at this, too")
            at += timedelta(minutes=40)
        if chance > 0.96:
            mistaken = self._decide(DecisionKind.APPROVE, task, at, "")
            self._undo(mistaken, task, at + timedelta(minutes=1))
            self._decide(DecisionKind.REJECT, task, at + timedelta(minutes=3), "Approved by mistake")
        elif chance > 0.8:
            self._decide(DecisionKind.REJECT, task, at, self._random.choice(_REASONS))
        else:
            self._decide(DecisionKind.APPROVE, task, at, self._random.choice([*_NOTES, "", "", "", ""]))

    def _waiting(self, flow_name: str, task_name: str, output: Any, why: Any, at: datetime) -> _Task:
        if flow_name not in self._flows:
            self._flows[flow_name] = self._add(Flow, name=flow_name)
        flow = self._flows[flow_name]
        execution = self._add(FlowExecution, flow=flow, status="completed", created_at=at, updated_at=at)
        about_run = {
            "id": str(execution.id),
            "flow_id": str(flow.id),
            "flow_version": 1,
            "status": "completed",
            "created_at": at.isoformat(),
            "updated_at": at.isoformat(),
            "modified_by": SYSTEM.label,
        }
        self._event(EventType.FLOW_EXECUTION_CREATED, execution, "", SYSTEM, at, uuid7(), about_run)
        record = self._add(
            TaskExecution,
            flow_execution=execution,
            task_name=task_name,
            task_execution_idx=0,
            processing_status="completed",
            output=output,
            started_at=at - timedelta(seconds=12),
            completed_at=at,
            created_at=at,
        )
        about_task = {
            "id": str(record.id),
            "task_execution_idx": 0,
            "processing_status": "completed",
            "edited_status": record.edited_status,
            "stale_status": record.stale_status,
            "created_at": at.isoformat(),
            "updated_at": None,
            "modified_by": SYSTEM.label,
        }
        self._event(EventType.TASK_EXECUTION_CREATED, execution, task_name, SYSTEM, at, uuid7(), about_task)
        task = _Task(execution, task_name, since=at)
        self._put_on(task, "pending_approval", why, SYSTEM, at, uuid7())
        return task

    def _decide(self, kind: DecisionKind, task: _Task, at: datetime, note: str) -> Decision:
        user = self._reviewers[0 if self._random.random() < 0.7 else 1]
        taken_off = [] if kind == DecisionKind.FLAG else list(task.tags.values())
        added = (_TAG_OF[kind], {"note": note} if note else None)
        decision = self._batch(kind, task, user, at, taken_off, [added], note=note)
        since = task.since if kind != DecisionKind.FLAG else None
        self._add(
            DecidedTask,
            decision=decision,
            kind=kind,
            user=user,
            flow=task.execution.flow,
            flow_execution=task.execution,
            task_name=task.name,
            decided_at=at,
            waiting_since=since,
        )
        return decision

    def _undo(self, decision: Decision, task: _Task, at: datetime) -> None:
        removed = [(tag, metadata) for kind, *_where, tag, _type, metadata in decision.changes if kind == "remove"]
        undoing = self._batch(
            DecisionKind.UNDO, task, decision.user, at, list(task.tags.values()), removed, undoes=decision.group_id
        )
        decision.undone_by = undoing.group_id
        for decided in self._rows[DecidedTask]:
            if decided.decision is decision:
                decided.undone_at = at

    def _batch(
        self,
        kind: DecisionKind,
        task: _Task,
        user: User,
        at: datetime,
        off: list[TaskTag],
        on: list[tuple[str, Any]],
        **more: Any,
    ) -> Decision:
        actor, batch_id = Actor("user", user.id, str(user.id)), uuid7()
        decision: Decision = self._add(
            Decision, group_id=uuid7(), user=user, kind=kind, created_at=at, batch_id=batch_id, **more
        )
        for tag in off:
            self._take_off(task, tag, actor, at, batch_id)
        added = [self._put_on(task, name, metadata, actor, at, batch_id) for name, metadata in on]
        where = [str(task.execution.id), task.name]
        decision.changes = [
            [how, *where, tag.tag, tag.tag_type, tag.tag_metadata]
            for how, tags in (("remove", off), ("add", added))
            for tag in tags
        ]
        return decision

    # Tags and events

    def _put_on(self, task: _Task, tag: str, metadata: Any, actor: Actor, at: datetime, batch_id: UUID) -> TaskTag:
        row: TaskTag = self._add(
            TaskTag,
            flow_execution=task.execution,
            task_name=task.name,
            tag=tag,
            tag_type="review",
            tag_metadata=metadata,
            metadata_digest=exact_json.canonical_digest(metadata),
            created_at=at,
            modified_by=actor.label,
        )
        task.tags[tag] = row
        self._tag_event(EventType.TASK_TAG_ADDED, row, actor, at, batch_id)
        return row

    def _take_off(self, task: _Task, tag: TaskTag, actor: Actor, at: datetime, batch_id: UUID) -> None:
        tag.status, tag.updated_at, tag.modified_by = TagStatus.DELETED, at, actor.label
        del task.tags[tag.tag]
        self._tag_event(EventType.TASK_TAG_REMOVED, tag, actor, at, batch_id)

    def _tag_event(self, kind: EventType, tag: TaskTag, actor: Actor, at: datetime, batch_id: UUID) -> None:
        data = {
            "id": str(tag.id),
            "flow_execution_id": str(tag.flow_execution_id),
            "organization_id": str(self._organization_id),
            "task_name": tag.task_name,
            "tag": tag.tag,
            "tag_type": tag.tag_type,
            "tag_metadata": tag.tag_metadata,
            "status": str(tag.status),
            "created_at": tag.created_at.isoformat(),
            "updated_at": tag.updated_at.isoformat() if tag.updated_at else None,
            "modified_by": tag.modified_by,
        }
        self._event(kind, tag.flow_execution, tag.task_name, actor, at, batch_id, data)

    def _event(
        self,
        kind: EventType,
        execution: FlowExecution,
        task_name: str,
        actor: Actor,
        at: datetime,
        batch_id: UUID,
        data: dict[str, Any],
    ) -> None:
        self._add(
            Event,
            type=kind,
            flow_execution=execution,
            task_name=task_name,
            actor=str(actor),
            time=at,
            request_id=str(batch_id),
            batch_id=batch_id,
            data=data,
        )

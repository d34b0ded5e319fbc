"""The one engine that changes tags: a list of operations, applied in order, all or nothing.

Each statement below is sent once for a batch, whatever its size. First the flow executions that the batch names are
locked in sorted order, so that two batches never wait for each other in a circle; then the state of the touched tags is
read once, the operations are played over it in memory, and the net result is written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from tags import metrics
from tags.db import exact_json
from tags.db.tenancy import in_organization, pipeline, run
from tags.errors import Detail, NotFound, detail
from tags.events import stream
from tags.models import Actor, EventType, TagStatus
from tags.models.ids import uuid7_text

MAX_OPERATIONS = 100


class OperationKind(StrEnum):
    ADD = "add"
    REMOVE = "remove"


class Outcome(StrEnum):
    ADDED = "added"
    ALREADY_EXISTS = "already_exists"
    REMOVED = "removed"
    NOT_FOUND = "not_found"


class Operation(NamedTuple):  # made in a third of a frozen dataclass's time
    kind: OperationKind
    flow_execution_id: UUID
    task_name: str
    tag: str
    tag_type: str
    tag_metadata: Any = None  # any JSON value, as exact_json reads it


# As texts: a batch compares and copies them hundreds of times.
_ACTIVE, _DELETED = TagStatus.ACTIVE.value, TagStatus.DELETED.value

# What makes a tag the same tag: flow execution, task name, tag, tag type, digest of the metadata.
Identity = tuple[str, str, str, str, bytes]

# A tag as the contract shows it; ids and times are texts.
TagObject = dict[str, Any]

_LOCK = """
    SELECT id::text FROM flow_execution
    WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[]) AND status <> 'deleted'
    ORDER BY id FOR NO KEY UPDATE
"""

# One row for each identity: does its task exist, and its active tag (LIMIT 1 keeps the planner to one look into the
# unique index for each, also while it has no statistics). The moment is read here, after the locks, so that
# a tag is never removed at a time before it was added.
_READ = """
    SELECT EXISTS (
               SELECT FROM task_execution
               WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
                 AND task_name = wanted.task_name
           ),
           active.id::text, to_json(active.created_at) #>> '{}', to_json((SELECT clock_timestamp())) #>> '{}'
    FROM jsonb_to_recordset(%(identities)s::jsonb) AS wanted(
             ordinal int, flow_execution_id uuid, task_name text, tag text, tag_type text, digest text)
    LEFT JOIN LATERAL (
        SELECT id, created_at FROM task_tag
        WHERE organization_id = %(organization_id)s AND flow_execution_id = wanted.flow_execution_id
          AND task_name = wanted.task_name AND tag = wanted.tag AND tag_type = wanted.tag_type
          AND metadata_digest = decode(wanted.digest, 'hex') AND status = 'active'
        LIMIT 1
    ) AS active ON true
    ORDER BY wanted.ordinal
"""

_REMOVE = """
    UPDATE task_tag SET status = 'deleted', updated_at = %(moment)s::timestamptz, modified_by = %(modified_by)s
    WHERE organization_id = %(organization_id)s AND id = ANY(%(ids)s::uuid[])
"""

_ADD = """
    INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                          metadata_digest, status, created_at, updated_at, modified_by)
    SELECT id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
           decode(digest, 'hex'), status, created_at, updated_at, modified_by
    FROM jsonb_to_recordset(%(tags)s::jsonb) AS new(
             id uuid, organization_id uuid, flow_execution_id uuid, task_name text, tag text, tag_type text,
             tag_metadata jsonb, digest text, status text, created_at timestamptz, updated_at timestamptz,
             modified_by text)
"""


def apply_batch(operations: Sequence[Operation], actor: Actor, organization_id: UUID) -> list[Outcome]:
    """Apply the operations in order, in one transaction, and record one event for each change.

    Locks the flow executions that the batch names, in sorted order, and at the end the organization's stream. At most
    six statements, in three round trips. Raises NotFound, and changes nothing, if a flow execution or its task does not
    exist in the organization; `details` name the operations at fault.
    """
    if not operations:
        return []
    identities = _identities(operations)
    with metrics.BATCH_SECONDS.time(), pipeline(), in_organization(organization_id):
        play = _read_state(operations, identities, actor, organization_id)
        outcomes = [play.apply(*step) for step in zip(operations, identities, strict=True)]
        play.write()
    metrics.BATCH_OPERATIONS.observe(len(operations))
    return outcomes


def _identities(operations: Sequence[Operation]) -> list[Identity]:
    texts = {operation.flow_execution_id: str(operation.flow_execution_id) for operation in operations}
    return [
        (
            texts[operation.flow_execution_id],
            operation.task_name,
            operation.tag,
            operation.tag_type,
            exact_json.canonical_digest(operation.tag_metadata),
        )
        for operation in operations
    ]


def _read_state(
    operations: Sequence[Operation], identities: Sequence[Identity], actor: Actor, organization_id: UUID
) -> "_Play":
    """Lock the flow executions, then read the touched tags; both travel together."""
    touched = dict(zip(identities, operations, strict=True))
    # PostgreSQL's text of an array: of a list psycopg would make it, and look into each item for what to quote.
    ids = "{" + ",".join(sorted({identity[0] for identity in identities})) + "}"
    locking = run(_LOCK, {"organization_id": organization_id, "ids": ids})
    reading = run(_READ, {"organization_id": organization_id, "identities": _identity_rows(touched)})
    locked = {id for (id,) in locking.fetchall()}
    state = dict(zip(touched, reading.fetchall(), strict=True))
    _check_targets(identities, locked, {identity for identity, row in state.items() if row[0]})
    play = _Play(actor, organization_id, moment=next(iter(state.values()))[3])
    for identity, (_, tag_id, created_at, _) in state.items():
        if tag_id:
            play.active[identity] = play.tag_object(identity, touched[identity], tag_id, created_at)
    return play


def _identity_rows(identities: Iterable[Identity]) -> str:
    return exact_json.dumps(
        [
            {
                "ordinal": ordinal,
                "flow_execution_id": flow_execution_id,
                "task_name": task_name,
                "tag": tag,
                "tag_type": tag_type,
                "digest": digest.hex(),
            }
            for ordinal, (flow_execution_id, task_name, tag, tag_type, digest) in enumerate(identities)
        ]
    )


def _check_targets(identities: Sequence[Identity], locked: set[str], with_task: set[Identity]) -> None:
    missing: list[Detail] = []
    for index, identity in enumerate(identities):
        if identity[0] not in locked:
            missing.append(
                detail(("body", "tags", index, "flow_execution_id"), "Flow execution not found", "not_found")
            )
        elif identity not in with_task:
            missing.append(detail(("body", "tags", index, "task_name"), "Task not found", "not_found"))
    if missing:
        raise NotFound(missing[0]["msg"], missing)


@dataclass
class _Play:
    """A batch played over the state in memory: which tags are active now, and what is to be written."""

    actor: Actor
    organization_id: UUID
    moment: str
    active: dict[Identity, TagObject] = field(default_factory=dict)
    added: dict[str, tuple[TagObject, bytes]] = field(default_factory=dict)  # by id, with the metadata's digest
    removed_ids: list[str] = field(default_factory=list)
    events: list[stream.NewEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.organization_text = str(self.organization_id)

    def apply(self, operation: Operation, identity: Identity) -> Outcome:
        tag = self.active.get(identity)
        if operation.kind is OperationKind.ADD:
            if tag:
                return Outcome.ALREADY_EXISTS
            self._add(operation, identity)
            return Outcome.ADDED
        if not tag:
            return Outcome.NOT_FOUND
        self._remove(tag, identity)
        return Outcome.REMOVED

    def tag_object(self, identity: Identity, operation: Operation, tag_id: str, created_at: str) -> TagObject:
        flow_execution_id, task_name, tag, tag_type, _ = identity
        return {
            "id": tag_id,
            "flow_execution_id": flow_execution_id,
            "organization_id": self.organization_text,
            "task_name": task_name,
            "tag": tag,
            "tag_type": tag_type,
            "tag_metadata": operation.tag_metadata,
            "status": _ACTIVE,
            "created_at": created_at,
            "updated_at": None,
            "modified_by": self.actor.label,
        }

    def _add(self, operation: Operation, identity: Identity) -> None:
        tag = self.tag_object(identity, operation, uuid7_text(), self.moment)
        self.active[identity] = tag
        self.added[tag["id"]] = tag, identity[-1]
        self._record(EventType.TASK_TAG_ADDED, identity, tag)

    def _remove(self, tag: TagObject, identity: Identity) -> None:
        """A tag that this very batch added is inserted as deleted; one that was stored is updated."""
        del self.active[identity]
        tag.update(status=_DELETED, updated_at=self.moment, modified_by=self.actor.label)
        if tag["id"] not in self.added:
            self.removed_ids.append(tag["id"])
        self._record(EventType.TASK_TAG_REMOVED, identity, tag)

    def _record(self, event_type: EventType, identity: Identity, tag: TagObject) -> None:
        self.events.append(stream.NewEvent(event_type, identity[0], identity[1], dict(tag)))

    def write(self) -> None:
        """Removals before additions, so that the unique index never meets a tag twice; the stream's lock comes last."""
        if not self.events:
            return
        if self.removed_ids:
            run(
                _REMOVE,
                {
                    "organization_id": self.organization_id,
                    "ids": self.removed_ids,
                    "moment": self.moment,
                    "modified_by": self.actor.label,
                },
            )
        if self.added:
            rows = [{**tag, "digest": digest.hex()} for tag, digest in self.added.values()]
            run(_ADD, {"tags": exact_json.dumps(rows)})
        stream.append(self.organization_id, self.events, self.actor, self.moment)

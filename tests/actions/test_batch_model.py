"""The engine beside the model of the contract: whatever batches come, both say and store the same."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from psycopg.rows import namedtuple_row

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.flow_executions import delete_flow_execution
from tags.actions.organizations import create_organization
from tags.db import exact_json
from tags.errors import NotFound
from tags.models import SYSTEM, Actor
from tags.models.ids import uuid7
from tests.actions import metadata
from tests.actions.model import Change, Model, Record, Refused, Step, read, same
from tests.cast import Tenant

TASKS = ("extract", "Extract", "pay")
EXECUTIONS = 3
ACTORS = (SYSTEM, Actor("service_account", uuid7(), "integration", "one"), Actor("user", uuid7(), "a person", "two"))

SETTINGS = settings(
    max_examples=60,
    stateful_step_count=15,
    derandomize=True,  # the same batches at every run; `--hypothesis-seed` does not matter
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

_KINDS = ["add", "add", "remove"]
_MOST_NOTATIONS = 9  # of two neighbours
spots = st.tuples(st.integers(0, EXECUTIONS - 1), st.sampled_from(TASKS))


# Kind, tag and tag type in one, and places in whatever spots and metadata a batch has: what a run may draw is limited,
# and so an operation takes but a few bytes.
_operations = st.lists(
    st.tuples(
        st.sampled_from(list(product(_KINDS, ["ok", "ok", "OK"], ["review", "review", "rEview"]))),
        st.integers(0, 5),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=12,
)
_kinds_of_all = st.lists(st.sampled_from(_KINDS), min_size=_MOST_NOTATIONS, max_size=_MOST_NOTATIONS)
_some_spots = st.lists(spots, min_size=1, max_size=3)


@st.composite
def batches(draw: st.DrawFn) -> list[dict[str, Any]]:
    """On few tasks and with few names, so that its operations keep meeting each other's tags."""
    some, texts = draw(_some_spots), draw(metadata.related_texts())
    return [
        {
            "kind": kind,
            "spot": some[spot % len(some)],
            "tag": tag,
            "tag_type": tag_type,
            "metadata": texts[text % len(texts)],
        }
        for (kind, tag, tag_type), spot, text in draw(_operations)
    ]


actors = st.sampled_from(ACTORS)


class BatchMachine(RuleBasedStateMachine):
    """One example is one new organization; the people of the cast and the neighbour are the same in all."""

    def __init__(self, cast: Tenant, neighbour: UUID, database: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.tenant = replace(cast, id=create_organization("Model").id)
        self.neighbour = neighbour
        self.database = database
        self.model = Model()
        self.deleted: list[UUID] = []
        self.executions = [self._new_execution() for _ in range(EXECUTIONS)]

    @rule(batch=batches(), actor=actors)
    def apply(self, batch: list[dict[str, Any]], actor: Actor) -> None:
        self._apply_to_both(self._steps(batch), actor)

    @rule(spot=spots, texts=metadata.notations_of_neighbours(), kinds=_kinds_of_all, actor=actors)
    def apply_every_notation(self, spot: tuple[int, str], texts: list[str], kinds: list[str], actor: Actor) -> None:
        """Of two values that are easily mistaken, on one tag."""
        batch = [
            {"kind": kind, "spot": spot, "tag": "ok", "tag_type": "review", "metadata": text}
            for kind, text in zip(kinds, texts, strict=False)
        ]
        self._apply_to_both(self._steps(batch), actor)

    @rule(batch=batches(), actor=actors, wrong=st.dictionaries(st.integers(0, 11), st.integers(0, 3), min_size=1))
    def apply_with_unknown_targets(self, batch: list[dict[str, Any]], actor: Actor, wrong: dict[int, int]) -> None:
        """`wrong` tells, by index in the batch, which kind of target the operation has instead of its own."""
        unknown = [uuid7(), self.neighbour, *self.deleted[-1:]]
        steps = self._steps(batch)
        for index, kind in wrong.items():
            step = steps[index % len(steps)]
            steps[index % len(steps)] = (
                replace(step, execution=unknown[kind]) if kind < len(unknown) else replace(step, task="unheard-of")
            )
        self._apply_to_both(steps, actor)

    @rule(batch=batches(), actor=actors)
    def apply_while_no_event_can_be_stored(self, batch: list[dict[str, Any]], actor: Actor) -> None:
        """The last statement of the batch fails; a batch that changes nothing has no such statement."""
        steps = self._steps(batch)
        foreseen = deepcopy(self.model)
        outcomes = foreseen.apply(steps, actor.label)
        with connection.execute_wrapper(_fail_events):
            if len(foreseen.changes) == len(self.model.changes):
                assert self._apply(steps, actor) == outcomes
            else:
                with pytest.raises(DatabaseError):
                    self._apply(steps, actor)

    @rule(place=st.integers(0, EXECUTIONS - 1))
    def delete_a_flow_execution(self, place: int) -> None:
        """Its tags are hidden, not removed; another execution takes its place in the batches to come."""
        execution = self.executions[place]
        delete_flow_execution(self.tenant.id, SYSTEM, execution)
        self.model.happened("flow_execution.deleted", SYSTEM.label)
        del self.model.tasks[execution]
        self.deleted.append(execution)
        self.executions[place] = self._new_execution()

    @invariant()
    def both_hold_the_same(self) -> None:
        stored = Stored(self.database, self.tenant.id)
        ids, times = stored.check_events(self.model.changes)
        stored.check_tags(self.model.records, ids, times)

    def _apply_to_both(self, steps: list[Step], actor: Actor) -> None:
        expected = self._expected(steps, actor)
        if isinstance(expected, Refused):
            with pytest.raises(NotFound) as caught:
                self._apply(steps, actor)
            assert [tuple(entry["loc"]) for entry in caught.value.details] == [
                ("body", "tags", *place) for place in expected.places
            ]
        else:
            assert self._apply(steps, actor) == expected

    def _expected(self, steps: list[Step], actor: Actor) -> list[str] | Refused:
        try:
            return self.model.apply(steps, actor.label)
        except Refused as refused:
            return refused

    def _apply(self, steps: list[Step], actor: Actor) -> list[str]:
        return [outcome.value for outcome in apply_batch(list(map(_operation, steps)), actor, self.tenant.id)]

    def _steps(self, batch: list[dict[str, Any]]) -> list[Step]:
        return [
            Step(
                fields["kind"],
                self.executions[fields["spot"][0]],
                fields["spot"][1],
                fields["tag"],
                fields["tag_type"],
                fields["metadata"],
            )
            for fields in batch
        ]

    def _new_execution(self) -> UUID:
        execution = self.tenant.execution(*TASKS)
        self.model.tasks[execution.id] = set(TASKS)
        self.model.happened("flow_execution.created", SYSTEM.label)
        for _ in TASKS:
            self.model.happened("task_execution.created", SYSTEM.label)
        return execution.id


class Stored:
    """What the database holds of an organization, row-level security aside."""

    def __init__(self, database: psycopg.Connection[Any], organization_id: UUID) -> None:
        self.organization_id = organization_id
        cursor = database.cursor(row_factory=namedtuple_row)
        tags = "SELECT *, tag_metadata::text AS metadata FROM task_tag WHERE organization_id = %s"
        events = "SELECT *, data::text AS content FROM event WHERE organization_id = %s ORDER BY position"
        counter = "SELECT position FROM event_stream WHERE organization_id = %s"
        self.tags = {row.id: row for row in cursor.execute(tags, [organization_id])}
        self.events = cursor.execute(events, [organization_id]).fetchall()
        self.position = cursor.execute(counter, [organization_id]).fetchone().position

    def check_events(self, changes: list[Change]) -> tuple[dict[Record, UUID], dict[int, datetime]]:
        """Also tells what the database knows and the model does not: the id of each record, the time of each batch."""
        assert [event.position for event in self.events] == list(range(1, len(changes) + 1))
        assert self.position == len(changes)
        ids: dict[Record, UUID] = {}
        batches: dict[int, tuple[UUID, datetime]] = {}
        for event, change in zip(self.events, changes, strict=True):
            assert event.type == change.type
            assert batches.setdefault(change.batch, (event.batch_id, event.time)) == (event.batch_id, event.time)
            if change.record:
                id = ids.setdefault(change.record, UUID(read(event.content)["id"]))
                self._check_tag_event(event, change, change.record, id)
        assert len({batch_id for batch_id, _ in batches.values()}) == len(batches), "a batch has an id of its own"
        return ids, {batch: time for batch, (_, time) in batches.items()}

    def _check_tag_event(self, event: Any, change: Change, record: Record, id: UUID) -> None:
        """Its data is the tag as the change left it."""
        (actor,) = [actor for actor in ACTORS if actor.label == change.by]
        assert event.actor == str(actor)
        assert event.request_id == (actor.request_id or str(event.batch_id))
        assert (event.flow_execution_id, event.task_name) == (record.step.execution, record.step.task)
        added = change.type == "task_tag.added"
        data = {**read(event.content)}
        assert same(data.pop("tag_metadata"), read(record.step.metadata))
        created_at, updated_at = data.pop("created_at"), data.pop("updated_at")
        assert datetime.fromisoformat(created_at if added else updated_at) == event.time
        assert (updated_at is None) == added
        assert data == {
            "id": str(id),
            "flow_execution_id": str(record.step.execution),
            "organization_id": str(self.organization_id),
            "task_name": record.step.task,
            "tag": record.step.tag,
            "tag_type": record.step.tag_type,
            "status": "active" if added else "deleted",
            "modified_by": change.by,
        }

    def check_tags(self, records: list[Record], ids: dict[Record, UUID], times: dict[int, datetime]) -> None:
        assert len(set(ids.values())) == len(records), "each record has an id of its own"
        assert self.tags.keys() == {ids[record] for record in records}
        for record in records:
            row, step = self.tags[ids[record]], record.step
            assert (row.flow_execution_id, row.task_name) == (step.execution, step.task)
            assert (row.tag, row.tag_type) == (step.tag, step.tag_type)
            assert same(read(row.metadata), read(step.metadata))
            assert row.status == ("active" if record.active else "deleted")
            assert row.created_at == times[record.added_in]
            assert row.updated_at == (None if record.removed_in is None else times[record.removed_in])
            assert row.modified_by == (record.removed_by or record.added_by)
            assert row.updated_at is None or row.updated_at >= row.created_at


def _operation(step: Step) -> Operation:
    names = (step.execution, step.task, step.tag, step.tag_type)
    if step.metadata is None:
        return Operation(OperationKind(step.kind), *names)
    return Operation(OperationKind(step.kind), *names, exact_json.loads(step.metadata))


def _fail_events(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    return execute(*(("SELECT 1 / 0", None) if "INSERT INTO event" in sql else (sql, params)), many, context)


def test_the_engine_does_what_the_model_of_the_contract_says(
    tenant: Tenant, neighbour: Tenant, owner: psycopg.Connection[Any]
) -> None:
    foreign = neighbour.execution(*TASKS).id
    run_state_machine_as_test(lambda: BatchMachine(tenant, foreign, owner), settings=SETTINGS)


def test_the_model_tells_the_listed_values_apart_and_their_notations_not() -> None:
    values = [(line, read(text)) for line, notations in enumerate(metadata.VALUES) for text in notations]

    for line, value in values:
        assert [other for other, candidate in values if same(value, candidate)] == [
            other for other, _ in values if other == line
        ]

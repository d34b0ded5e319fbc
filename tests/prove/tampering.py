"""The record shows tampering: edits by a superuser, who is bound by no policy, no trigger and no foreign key.

Every edit must be found at exactly the positions it touched, and nothing may be found on the untouched record.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.sealing import seal_events
from tags.db.tenancy import in_organization
from tags.events import verifying
from tags.events.seals import newest_seal
from tests.database import OWNER_URL
from tests.tenancy.things import tenant_without_passwords

# What each column of a row is changed to.
COLUMNS = {
    "id": "gen_random_uuid()",
    "organization_id": "gen_random_uuid()",
    "position": "position + 1000",
    "type": "CASE type WHEN 'task_tag.added' THEN 'task_tag.removed' ELSE 'task_tag.added' END",
    "flow_execution_id": "gen_random_uuid()",
    "task_name": "task_name || 'x'",
    "actor": "'user:' || gen_random_uuid()",
    "time": "time + interval '1 microsecond'",
    "request_id": "'x' || left(request_id, 60)",
    "batch_id": "gen_random_uuid()",
    "data": """data || '{"tampered": 1}'""",
}
_TABLES = ("event", "event_stream", "seal")


@dataclass(frozen=True)
class Figures:
    edits: int
    kinds_of_edit: int
    positions_named: int
    times_the_untouched_record_was_verified: int


class Stage:
    """A sealed stream of some forty events, its seal kept elsewhere, and a superuser."""

    def __init__(self, superuser: psycopg.Connection) -> None:
        self.superuser = superuser
        tenant = tenant_without_passwords()
        self.organization = tenant.id
        execution = tenant.execution("extract", "check")
        for number in range(12):
            tags = [f"tag {number}", f"ключ {number}", f"other {number}"]
            apply_batch(
                [
                    Operation(OperationKind.ADD, execution.id, "extract", tag, "review", {"n": number, "½": [1.50]})
                    for tag in tags
                ],
                tenant.actor,
                tenant.id,
            )
            if number % 3 == 0:
                seal_events(tenant.id)
        self.newest = seal_events(tenant.id)
        with in_organization(tenant.id):
            self.kept = newest_seal(tenant.id)
        self.execute("SET session_replication_role = replica")
        for table in _TABLES:
            self.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table} WHERE organization_id = %(it)s")
        self.execute("ALTER TABLE kept_event DROP COLUMN tag")  # PostgreSQL generates it

    def execute(self, statement: str, **parameters: object) -> psycopg.Cursor:
        return self.superuser.execute(statement, {"it": self.organization, **parameters})

    def restore(self) -> None:
        self.execute("DELETE FROM event WHERE id IN (SELECT id FROM kept_event)")
        for table in _TABLES:
            self.execute(f"DELETE FROM {table} WHERE organization_id = %(it)s")
            self.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")

    def findings(self) -> list[verifying.Finding]:
        return list(verifying.verify(self.organization, verifying.extent(self.organization), [self.kept]))


# An edit touches the stage at a position, and gives the positions that must be named for it.
Edit = Callable[[Stage, int], set[int]]


def change(column: str) -> Edit:
    def edit(stage: Stage, position: int) -> set[int]:
        statement = (
            f"UPDATE event SET {column} = {COLUMNS[column]} WHERE organization_id = %(it)s AND position = %(at)s"
        )
        stage.execute(statement, at=position)
        return {position, position + 1000} if column == "position" else {position}

    return edit


def remove(stage: Stage, position: int) -> set[int]:
    stage.execute("DELETE FROM event WHERE organization_id = %(it)s AND position = %(at)s", at=position)
    return {position}


def swap(stage: Stage, position: int) -> set[int]:
    other = position % stage.newest + 1
    move = "UPDATE event SET position = %(to)s WHERE organization_id = %(it)s AND position = %(at)s"
    for start, end in ((position, 10_000), (other, position), (10_000, other)):
        stage.execute(move, at=start, to=end)
    return {position, other}


_COPY = """
    INSERT INTO event (id, position, organization_id, type, flow_execution_id, task_name, actor, time, request_id,
                       batch_id, data)
    SELECT gen_random_uuid(), %(to)s::bigint, organization_id, type, flow_execution_id, task_name, actor, time,
           request_id, batch_id, data
    FROM event WHERE organization_id = %(it)s AND position = %(at)s
"""


def insert_at_the_end(stage: Stage, position: int) -> set[int]:
    stage.execute(_COPY, at=position, to=stage.newest + 1)
    return {stage.newest + 1}


def insert_between(stage: Stage, position: int) -> set[int]:
    """With all after it moved on, and the counter too."""
    for step in (10_000, -9_999):
        stage.execute(
            "UPDATE event SET position = position + %(by)s WHERE organization_id = %(it)s AND position >= %(at)s",
            at=position,
            by=step,
        )
    stage.execute(_COPY, at=position + 1, to=position)
    stage.execute("UPDATE event_stream SET position = position + 1 WHERE organization_id = %(it)s")
    return set(range(position, stage.newest + 1))


def cut_off(stage: Stage, position: int) -> set[int]:
    stage.execute("DELETE FROM event WHERE organization_id = %(it)s AND position >= %(at)s", at=position)
    stage.execute("UPDATE event_stream SET position = %(at)s - 1 WHERE organization_id = %(it)s", at=position)
    return set(range(position, stage.newest + 1))


def cut_off_with_seals(stage: Stage, position: int) -> set[int]:
    """The seals are made anew for what is left: only the one that was exported tells."""
    cut_off(stage, position)
    stage.execute("DELETE FROM seal WHERE organization_id = %(it)s")
    seal_events(stage.organization)
    return {stage.newest}


def rewrite(stage: Stage, position: int) -> set[int]:
    """A changed row, and the whole chain made anew: again only the exported seal tells."""
    change("actor")(stage, position)
    stage.execute("DELETE FROM seal WHERE organization_id = %(it)s")
    seal_events(stage.organization)
    return {stage.newest}


def lower_counter(stage: Stage, position: int) -> set[int]:
    stage.execute("UPDATE event_stream SET position = %(at)s - 1 WHERE organization_id = %(it)s", at=position)
    return set(range(position, stage.newest + 1))


def raise_counter(stage: Stage, position: int) -> set[int]:
    statement = "UPDATE event_stream SET position = position + %(at)s WHERE organization_id = %(it)s"
    stage.execute(statement, at=position)
    return set(range(stage.newest + 1, stage.newest + position + 1))


def alter_link(stage: Stage, position: int) -> set[int]:
    stage.execute(
        """
        UPDATE seal SET links = set_byte(links, at, get_byte(links, at) # 1)
        FROM (SELECT 32 * (%(at)s - first)::int AS at, id AS sealed FROM seal
              WHERE organization_id = %(it)s AND %(at)s BETWEEN first AND position) AS found
        WHERE organization_id = %(it)s AND id = sealed
        """,
        at=position,
    )
    return {position, min(position + 1, stage.newest)}  # the next link is chained to it


def remove_seal(stage: Stage, position: int) -> set[int]:
    statement = "DELETE FROM seal WHERE organization_id = %(it)s AND %(at)s BETWEEN first AND position"
    # Never the last one: its events would be sealed anew, and are what they were.
    gone = stage.execute(f"{statement} RETURNING first, position", at=min(position, stage.newest - 10)).fetchall()
    return {place for first, last in gone for place in range(first, last + 1)}


EDITS: dict[str, Edit] = {
    **{f"{column} changed": change(column) for column in COLUMNS},
    "row removed": remove,
    "two rows swapped": swap,
    "row inserted at the end": insert_at_the_end,
    "row inserted between": insert_between,
    "tail cut off": cut_off,
    "tail cut off, seals made anew": cut_off_with_seals,
    "row changed, seals made anew": rewrite,
    "counter lowered": lower_counter,
    "counter raised": raise_counter,
    "link altered": alter_link,
    "seal removed": remove_seal,
}


def attack(count: int, seed: int) -> Figures:
    """So many edits, each kind as often as any other, each on the record as it was."""
    chance = random.Random(seed)  # noqa: S311  # must be repeatable
    kinds = (sorted(EDITS) * (count // len(EDITS) + 1))[:count]
    with psycopg.connect(OWNER_URL, autocommit=True) as superuser:
        stage = Stage(superuser)
        named = [_attack_once(stage, kind, chance.randint(1, stage.newest)) for kind in chance.sample(kinds, count)]
    return Figures(count, len(set(kinds)), sum(named), count)


def _attack_once(stage: Stage, kind: str, position: int) -> int:
    """How many positions were named."""
    assert stage.findings() == [], "something is found on the untouched record"
    try:
        expected = EDITS[kind](stage, position)
        named = {place for finding in stage.findings() for place in finding.positions}
    finally:
        stage.restore()
    assert named == expected, f"{kind} at {position}: named {sorted(named)}, not {sorted(expected)}"
    return len(named)

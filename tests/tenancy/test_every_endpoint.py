"""For every endpoint, method and kind of caller: what is the neighbour's is as if it were nowhere.

The same table of requests is sent with both layers of tenancy, and with each one alone.
"""

import psycopg
import pytest

from tests.tenancy.attempts import (
    LABELS,
    NO_LOOK_UP,
    READ_BEFORE_ANY_CALLER,
    Label,
    attempts,
    comparable,
    endpoints,
    shown,
)
from tests.tenancy.conftest import WHO, Intruder
from tests.tenancy.filters import without_filters
from tests.tenancy.layers import Layers, left_with, with_filters_of, without_policies
from tests.tenancy.things import Ids, Neighbour, rows_of

READING = ("GET", "HEAD", "OPTIONS")
IN_TABLE = [label for label in LABELS if label[0] not in ("HEAD", "OPTIONS")]
ALONE = [layers for layers in Layers if layers != Layers.BOTH]
REACHING = [label for label in IN_TABLE if label[1] not in READ_BEFORE_ANY_CALLER and label not in NO_LOOK_UP]


@pytest.fixture
def neighbour(label: Label, lasting_neighbour: Neighbour) -> Neighbour:
    """A new one for a request that writes: it may make things of the caller's own with the same ids."""
    return lasting_neighbour if label[0] in READING else Neighbour.create()


def test_every_endpoint_and_method_has_requests_in_the_table() -> None:
    assert set(endpoints()) - {label[:2] for label in IN_TABLE} == set()


def test_the_table_names_no_endpoint_that_is_gone() -> None:
    assert {label[:2] for label in IN_TABLE} - set(endpoints()) == set()


@pytest.mark.parametrize("label", LABELS, ids=" ".join)
@pytest.mark.parametrize("who", WHO)
def test_a_foreign_id_is_answered_like_one_that_exists_nowhere(
    who: str, label: Label, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    check_hidden(Layers.BOTH, label, who, intruder, neighbour, owner)


@pytest.mark.parametrize("label", IN_TABLE, ids=" ".join)
@pytest.mark.parametrize("who", ["program", "admin"])
@pytest.mark.parametrize("layers", ALONE)
def test_so_it_is_with_one_layer_alone(
    layers: Layers, who: str, label: Label, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    check_hidden(layers, label, who, intruder, neighbour, owner)


@pytest.mark.parametrize("label", REACHING, ids=" ".join)
def test_without_both_layers_the_same_request_reaches_the_neighbour(
    label: Label, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """The control: each request of the table is able to fail the tests above."""
    with without_policies(), without_filters():
        forgotten = traces(label, "admin", intruder, neighbour, owner)
    with without_policies(), with_filters_of(neighbour.tenant.id, intruder.tenant.id):
        wrong = traces(label, "admin", intruder, neighbour, owner)

    assert forgotten or wrong


def check_hidden(
    layers: Layers, label: Label, who: str, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """The filters of the neighbour make the database refuse what the application writes: a fault, but the same one."""
    faults = layers == Layers.POLICIES_WITH_WRONG_FILTERS
    with left_with(layers, intruder.tenant.id, neighbour.tenant.id):
        assert traces(label, who, intruder, neighbour, owner, faults) == []


def traces(
    label: Label, who: str, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection, faults: bool = True
) -> list[object]:
    """All by which the caller could tell that the neighbour's things exist, or harm them."""
    before = rows_of(owner, neighbour.tenant.id)
    attempt = attempts(intruder.ids, neighbour.ids, intruder.person)[label]
    foreign = attempt.send(intruder.callers[who])
    nobody = Ids.of_nobody()
    nowhere = attempts(intruder.ids, nobody, intruder.person)[label].send(intruder.callers[who])
    after = rows_of(owner, neighbour.tenant.id)

    answers = comparable(foreign, neighbour.ids), comparable(nowhere, nobody)
    leaks = shown(foreign, neighbour.words(before), attempt)
    changed = [table for table in before if before[table] != after[table]]
    alike = answers[0] == answers[1] and (faults or foreign.status_code < 500)
    return [*(() if alike else answers), *sorted(leaks), *changed]

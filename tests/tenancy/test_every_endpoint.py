"""For every endpoint, method and kind of caller: what is the neighbour's is as if it were nowhere.

The same table of requests is sent with both layers of tenancy, and with each one alone.
"""

import psycopg
import pytest
from django.db import connection

from tests.tenancy.attempts import LABELS, READ_BEFORE_ANY_CALLER, Label, attempts, comparable, endpoints, shown
from tests.tenancy.conftest import WHO, Intruder
from tests.tenancy.layers import Layers, left_with, raw_filters, with_filters_of, without_filters, without_policies
from tests.tenancy.things import Ids, Neighbour, rows_of, tenant_tables, words_of

each_request = pytest.mark.parametrize("label", LABELS, ids=" ".join)
each_caller = pytest.mark.parametrize("who", WHO)
each_layer = pytest.mark.parametrize("layers", Layers)


def test_every_endpoint_and_method_has_requests_in_the_table() -> None:
    assert set(endpoints()) - {label[:2] for label in LABELS} == set()


def test_the_table_names_no_endpoint_that_is_gone() -> None:
    assert {label[:2] for label in LABELS if label[0] not in ("HEAD", "OPTIONS")} - set(endpoints()) == set()


@each_request
@each_caller
@each_layer
def test_a_foreign_id_is_answered_like_one_that_exists_nowhere(
    layers: Layers, who: str, label: Label, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    before = rows_of(owner, neighbour.tenant.id)

    with left_with(layers, intruder.tenant.id, neighbour.tenant.id):
        foreign, leaks = answer(label, who, intruder, neighbour.ids, words_of(before))
        nowhere, _ = answer(label, who, intruder, Ids.of_nobody(), set())

    assert foreign == nowhere
    assert leaks == set()
    assert rows_of(owner, neighbour.tenant.id) == before


@pytest.mark.parametrize("label", [label for label in LABELS if label[1] not in READ_BEFORE_ANY_CALLER], ids=" ".join)
def test_without_both_layers_the_same_request_reaches_the_neighbour(
    label: Label, intruder: Intruder, neighbour: Neighbour, owner: psycopg.Connection
) -> None:
    """The control: each request of the table is able to fail the test above."""
    before = rows_of(owner, neighbour.tenant.id)

    with with_filters_of(neighbour.tenant.id, intruder.tenant.id), without_policies():
        foreign, leaks = answer(label, "admin", intruder, neighbour.ids, words_of(before))
        nowhere, _ = answer(label, "admin", intruder, Ids.of_nobody(), set())

    assert foreign != nowhere or leaks or rows_of(owner, neighbour.tenant.id) != before


def answer(label: Label, who: str, intruder: Intruder, named: Ids, words: set[str]) -> tuple[object, set[str]]:
    """The answer as it is compared, and which words it leaks."""
    attempt = attempts(intruder.ids, named, intruder.tenant.admin)[label]
    response = attempt.send(intruder.callers[who])
    return comparable(response, named), shown(response, words, attempt)

"""The short form of the attack on the record, and its red control."""

from tags.models import Event
from tests.prove.tampering import COLUMNS, EDITS, attack, planted_bug


def test_every_edit_is_found_and_nothing_else() -> None:
    figures = attack(2 * len(EDITS), seed=6)
    assert figures.missed == []
    assert figures.false_alarms == []
    assert figures.found == figures.edits == 2 * len(EDITS)


def test_every_column_of_an_event_is_attacked() -> None:
    assert set(COLUMNS) == {field.column for field in Event._meta.fields}


def test_a_chain_that_leaves_out_who_did_it_is_noticed() -> None:
    with planted_bug():
        figures = attack(len(EDITS), seed=6)
    assert {missed.split(" at ")[0] for missed in figures.missed} == {"actor changed", "row changed, seals made anew"}

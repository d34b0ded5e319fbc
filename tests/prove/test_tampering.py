"""The short form of the attack on the record, and its red control."""

import pytest

from tags.actions import sealing
from tags.events import verifying
from tags.models import Event
from tests.prove.planted import forgetful_chain
from tests.prove.tampering import COLUMNS, EDITS, attack


def test_every_edit_is_found_and_nothing_else() -> None:
    assert attack(2 * len(EDITS), seed=6).kinds_of_edit == len(EDITS)


def test_every_column_of_an_event_is_attacked() -> None:
    assert set(COLUMNS) == {field.column for field in Event._meta.fields if not field.generated}


def test_a_chain_that_leaves_out_who_did_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sealing, verifying):
        monkeypatch.setattr(module, "link", module.link)  # put back in the end
    forgetful_chain.plant()
    with pytest.raises(AssertionError, match=r"actor changed|row changed, seals made anew"):
        attack(len(EDITS), seed=6)

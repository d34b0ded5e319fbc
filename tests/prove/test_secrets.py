"""The short form of the attack on secrets, and its red controls."""

import pytest

from tags import middleware
from tags.actions import credentials, service_accounts
from tests.prove.planted import kept_token, telltale_log
from tests.prove.secrets import attack


def test_no_secret_is_told_or_kept() -> None:
    figures = attack(200, seed=6)
    assert 50 < figures.refused < 200
    assert figures.log_lines > 200


def test_a_log_of_headers_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_report", middleware._report)  # put back in the end
    telltale_log.plant()
    with pytest.raises(AssertionError, match="the log holds"):
        attack(30, seed=6)


def test_a_key_that_is_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (credentials, service_accounts):
        monkeypatch.setattr(module, "token_digest", module.token_digest)
    kept_token.plant()
    with pytest.raises(AssertionError, match="the dump holds"):
        attack(5, seed=6)

"""A database that does not answer: the request is told so, and its thread is free again."""

import time
from contextlib import nullcontext

import pytest
from django.db import OperationalError, connection

from tags.db.postgresql import patience
from tags.db.tenancy import in_organization, pipeline, run
from tests.cast import Tenant

_SLEEP = "SELECT pg_sleep(20)"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.3)


def test_a_statement_without_an_answer_is_given_up(tenant: Tenant) -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError, match="did not answer within"), connection.cursor() as cursor:
        cursor.execute(_SLEEP)
    assert time.monotonic() - began < 10
    connection.close()
    assert tenant.api().get("/api/profile/me").status_code == 200


def test_so_it_is_in_a_pipeline(tenant: Tenant) -> None:
    with pytest.raises(OperationalError), pipeline(), connection.cursor() as cursor:  # noqa: PT012  # either may raise
        cursor.execute(_SLEEP)
        cursor.fetchall()
    connection.close()
    assert tenant.api().get("/api/profile/me").status_code == 200


@pytest.mark.parametrize("travels", [False, True])
def test_after_it_no_other_connection_is_waited_for(tenant: Tenant, travels: bool) -> None:
    """A frozen database would not answer that one either."""
    with pytest.raises(OperationalError), pipeline() if travels else nullcontext(), in_organization(tenant.id):
        run(_SLEEP, [])
    assert connection.connection is None
    assert tenant.api().get("/api/profile/me").status_code == 200

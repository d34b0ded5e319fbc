import psycopg
import pytest
from django.test import Client

from tests.api.openapi import checked_generic
from tests.api.stage import Stage
from tests.cast import Tenant


@pytest.fixture(autouse=True)
def _responses_follow_the_openapi_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "generic", checked_generic)


@pytest.fixture(scope="module")
def stage(owner: psycopg.Connection) -> Stage:
    return Stage(Tenant.create(), owner)


@pytest.fixture(scope="module")
def quiet(stage: Stage) -> Stage:
    """Another organization, with little in it, for what only reads."""
    return Stage(Tenant.create(), stage.owner)

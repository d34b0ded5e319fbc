import pytest
from django.test import Client

from tests.api.openapi import checked_generic


@pytest.fixture(autouse=True)
def _responses_follow_the_openapi_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "generic", checked_generic)

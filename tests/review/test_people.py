"""Who did it, for a page that hears of it live."""

from typing import Any

import pytest

from tests.cast import Tenant
from tests.review.pages import browser


def name(tenant: Tenant, actor: str) -> str:
    answer: Any = browser(tenant, "viewer").get("/people", {"actor": actor})
    assert answer.status_code == 200
    return str(answer.json()["name"])


def test_people_of_the_organization_have_names_and_others_have_none(tenant: Tenant, neighbour: Tenant) -> None:
    assert name(tenant, f"user:{tenant.admin.id}") == tenant.admin.username
    assert name(tenant, f"user:{tenant.viewer.id}") == "you"
    assert name(tenant, f"user:{neighbour.admin.id}") == "a former member"
    assert name(tenant, "system") == "Tagsite"


@pytest.mark.parametrize("actor", ["", ":", "user:", "user:x", "\x00", "x" * 5000, "<b>:1"], ids=repr)
def test_whatever_is_asked_for_is_answered(tenant: Tenant, actor: str) -> None:
    assert name(tenant, actor)[:200] == actor[:200]

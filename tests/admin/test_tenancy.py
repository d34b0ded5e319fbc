"""Every address of the admin, asked for what is the neighbour's: nowhere, with each layer of tenancy alone too."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg
import pytest
from django.urls import URLPattern, URLResolver

from tags.admin import site
from tags.db.tenancy import in_organization
from tags.models import Organization
from tags.models.ids import uuid7
from tests.admin.browsing import Person, text
from tests.cast import Tenant
from tests.tenancy.filters import without_filters
from tests.tenancy.layers import (
    BYPASSING_ROLE,
    close_pool_without_policies,
    drop_role,
    make_bypassing_role,
    without_policies,
)
from tests.tenancy.things import A_UUID, MARK, rows_of, settle, tenant_without_passwords

LAYERS = {"both layers": nullcontext, "policies alone": without_filters, "filters alone": without_policies}
# Another one in each page.
NONCE = re.compile('nonce="[^"]+"')
# Internal: a counter that the organization's page shows, and tickets that live for seconds.
WITHOUT_PAGES = {"EventStream", "WsTicket"}


def paths(patterns: list[URLPattern | URLResolver], at: str = "/admin/") -> Iterator[str]:
    for pattern in patterns:
        path = at + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            yield path


LISTS = [path for path in paths(site.get_urls()) if path.startswith("/admin/tags/") and "<" not in path]
# What is after the last bracket is a redirect to the page of change.
OBJECTS = [
    path for path in paths(site.get_urls()) if "<path:object_id>/" in path and not path.endswith("<path:object_id>/")
]


def first_ids(tenant: Tenant) -> dict[str, Any]:
    """One row of each model, by the model's path."""
    with in_organization(tenant.id):
        return {
            f"/admin/tags/{model._meta.model_name}/": tenant.id
            if model is Organization
            else model._default_manager.in_organization(tenant.id).order_by("id").values_list("id", flat=True)[0]
            for model in site._registry
        }


@pytest.fixture(scope="module")
def bypassing(django_db_setup: None) -> Iterator[None]:
    make_bypassing_role()
    yield
    close_pool_without_policies()
    drop_role(BYPASSING_ROLE)


@pytest.fixture(scope="module")
def neighbour(django_db_setup: None) -> Tenant:
    tenant = tenant_without_passwords()
    settle(tenant, MARK)
    return tenant


@pytest.fixture
def tenant() -> Tenant:
    tenant = tenant_without_passwords("ours")
    settle(tenant, "ours")
    return tenant


def test_every_model_has_its_pages() -> None:
    from django.apps import apps

    named = {model.__name__ for model in apps.get_app_config("tags").get_models() if model.__name__ != "User"}
    assert {model.__name__ for model in site._registry} == named - WITHOUT_PAGES


@pytest.mark.parametrize("layers", LAYERS)
def test_a_foreign_object_is_not_there(bypassing: None, tenant: Tenant, neighbour: Tenant, layers: str) -> None:
    person, own, foreign = Person.logged_in(tenant.admin), first_ids(tenant), first_ids(neighbour)
    assert len(OBJECTS) == 3 * len(own)
    take_off: Any = LAYERS[layers]
    guard: AbstractContextManager[None] = take_off()
    with guard:
        for path in OBJECTS:
            at = path.partition("<")[0]
            answers = [person.get(path.replace("<path:object_id>", str(id))) for id in (foreign[at], uuid7())]
            assert [answer.status_code for answer in answers] == [404, 404], path
            assert NONCE.sub("", text(answers[0])) == NONCE.sub("", text(answers[1]))
            answer = person.get(path.replace("<path:object_id>", str(own[at])))
            assert answer.status_code == 200 or (answer.status_code == 403 and path.endswith("delete/")), path
            assert MARK not in text(answer), path


@pytest.mark.parametrize("layers", LAYERS)
def test_no_list_and_no_form_shows_the_neighbours(
    bypassing: None, tenant: Tenant, neighbour: Tenant, owner: psycopg.Connection, layers: str
) -> None:
    person = Person.logged_in(tenant.admin)
    theirs = {*A_UUID.findall(str(rows_of(owner, neighbour.id))), neighbour.viewer.username, MARK}
    take_off: Any = LAYERS[layers]
    with take_off():
        for path in [*LISTS, "/admin/"]:
            for asked in ("", str(neighbour.id), MARK[:4]):
                shown = text(person.get(path, q=asked))
                assert not [word for word in theirs - {asked} if word in shown], path


def test_nothing_done_reaches_the_neighbours(tenant: Tenant, neighbour: Tenant, owner: psycopg.Connection) -> None:
    """Every action, every form and every deletion, with their ids."""
    person, foreign = Person.logged_in(tenant.admin), first_ids(neighbour)
    before = rows_of(owner, neighbour.id)
    for at, id in foreign.items():
        model_admin = next(admin for model, admin in site._registry.items() if f"/{model._meta.model_name}/" in at)
        for action in [*(model_admin.actions or ()), "delete_selected"]:
            chosen = {"action": action, "_selected_action": str(id), "post": "yes"}
            assert person.post(at, chosen, "/admin/").status_code in (200, 302, 404), (at, action)
        for way in ("change/", "delete/"):
            assert person.post(f"{at}{id}/{way}", {"name": "x", "role": "viewer", "post": "yes"}).status_code == 404
    assert rows_of(owner, neighbour.id) == before

"""Saved views: who sees them, who may change them, and what they show."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.http import HttpResponse

from tags.actions.credentials import Caller, caller_of_user
from tags.actions.saved_views import MOST_VIEWS, change_view, create_view, delete_view, seen_views
from tags.db.tenancy import in_organization
from tags.errors import Conflict, Forbidden, Invalid, NotFound
from tests.cast import Tenant, operation
from tests.review.pages import browser, text


def caller(tenant: Tenant, who: str = "reviewer") -> Caller:
    return caller_of_user(getattr(tenant, who).id, tenant.id, "test")


def seen(tenant: Tenant, who: str) -> set[str]:
    person = caller(tenant, who)
    with in_organization(tenant.id):
        return {view.name for view in seen_views(person)}


def post(tenant: Tenant, path: str, who: str = "reviewer", **fields: Any) -> HttpResponse:
    return browser(tenant, who).post(path, fields)


def tabs(html: str) -> list[str]:
    return [" ".join(name.split()) for name in re.findall(r'data-view="[^"]*"[^>]*>\s*([^<]*)<', html)]


# Who sees and changes them


def test_an_own_view_is_seen_by_nobody_else(tenant: Tenant) -> None:
    create_view(caller(tenant), "mine", "?status=failed")
    assert seen(tenant, "reviewer") == {"mine"}
    assert seen(tenant, "admin") == seen(tenant, "viewer") == set()


def test_a_shared_view_is_seen_by_everybody_here(tenant: Tenant, neighbour: Tenant) -> None:
    create_view(caller(tenant), "ours", "?status=failed", is_shared=True)
    assert seen(tenant, "admin") == seen(tenant, "viewer") == {"ours"}
    assert seen(neighbour, "admin") == set()


def test_a_shared_view_is_changed_by_its_owner_and_admins_alone(tenant: Tenant) -> None:
    view = create_view(caller(tenant, "reviewer"), "ours", "?status=failed", is_shared=True)
    for change in ({"name": "theirs"}, {"query": "?status=queued"}, {"is_shared": False}):
        with pytest.raises(Forbidden):
            change_view(caller(tenant, "viewer"), view.id, **change)
    with pytest.raises(Forbidden):
        delete_view(caller(tenant, "viewer"), view.id)
    assert seen(tenant, "viewer") == {"ours"}
    change_view(caller(tenant, "admin"), view.id, name="everybody's")
    change_view(caller(tenant), view.id, query="?status=queued")
    assert seen(tenant, "viewer") == {"everybody's"}
    delete_view(caller(tenant, "admin"), view.id)
    assert seen(tenant, "reviewer") == set()


@pytest.mark.parametrize("who", ["viewer", "admin"])
def test_another_persons_own_view_is_not_there(tenant: Tenant, who: str) -> None:
    view = create_view(caller(tenant), "mine", "")
    for attempt in (
        lambda: change_view(caller(tenant, who), view.id, name="x"),
        lambda: delete_view(caller(tenant, who), view.id),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_neighbours_shared_view_is_not_there(tenant: Tenant, neighbour: Tenant) -> None:
    view = create_view(caller(neighbour), "theirs", "", is_shared=True)
    with pytest.raises(NotFound):
        change_view(caller(tenant, "admin"), view.id, name="ours")
    with pytest.raises(NotFound):
        delete_view(caller(tenant, "admin"), view.id)
    assert post(tenant, f"/inbox/views/{view.id}/delete", "admin").status_code == 404
    assert seen(neighbour, "viewer") == {"theirs"}


def test_a_viewer_has_own_views_and_shares_none(tenant: Tenant) -> None:
    view = create_view(caller(tenant, "viewer"), "mine", "")
    with pytest.raises(Forbidden):
        change_view(caller(tenant, "viewer"), view.id, is_shared=True)
    with pytest.raises(Forbidden):
        create_view(caller(tenant, "viewer"), "ours", "", is_shared=True)
    assert seen(tenant, "reviewer") == set()


def test_names_and_how_many(tenant: Tenant) -> None:
    create_view(caller(tenant), " two  words ", "")
    assert seen(tenant, "reviewer") == {"two words"}
    for name in ("", "  ", "x" * 61, "a\x00b"):
        with pytest.raises(Invalid):
            create_view(caller(tenant), name, "")
    with pytest.raises(Conflict):
        create_view(caller(tenant), "two words", "?status=failed")
    other = create_view(caller(tenant), "other", "")
    with pytest.raises(Conflict):
        change_view(caller(tenant), other.id, name="two words")
    create_view(caller(tenant, "viewer"), "two words", "")
    for number in range(MOST_VIEWS - 2):
        create_view(caller(tenant), f"view {number}", "")
    with pytest.raises(Conflict):
        create_view(caller(tenant), "one more", "")


# On the page


def test_saving_leads_to_the_view(tenant: Tenant) -> None:
    response = post(tenant, "/inbox/views", name="Failed", query="?status=failed&flow=invoices")
    assert response.status_code == 302
    asked = parse_qs(urlsplit(response["Location"]).query)
    assert (asked["status"], asked["flow"]) == (["failed"], ["invoices"])
    html = text(browser(tenant).get(response["Location"]))
    assert tabs(html) == ["Failed"]
    assert "Save changes to" not in html
    changed = text(browser(tenant).get(f"{response['Location']}&age=day"))
    assert "Save changes to Failed" in changed
    view = UUID(asked["view"][0])
    post(tenant, f"/inbox/views/{view}/filter", query=f"?status=queued&view={view}")
    assert "Save changes to" not in text(browser(tenant).get(f"/?status=queued&view={view}"))


def test_renaming_sharing_and_deleting_on_the_page(tenant: Tenant) -> None:
    view = create_view(caller(tenant), "mine", "?status=failed")
    post(tenant, f"/inbox/views/{view.id}", name="ours", is_shared="on")
    html = text(browser(tenant, "viewer").get(f"/?status=failed&view={view.id}"))
    assert tabs(html) == ["ours"]
    assert f"Shared by {tenant.reviewer.username}" in html
    assert "Change view" not in html
    assert "Change view" in text(browser(tenant, "admin").get(f"/?status=failed&view={view.id}"))
    post(tenant, f"/inbox/views/{view.id}", name="ours")
    assert seen(tenant, "viewer") == set()
    assert post(tenant, f"/inbox/views/{view.id}/delete")["Location"] == "/"
    assert seen(tenant, "reviewer") == set()


def test_what_is_wrong_is_told_beside_the_list(tenant: Tenant) -> None:
    create_view(caller(tenant), "taken", "")
    response = post(tenant, "/inbox/views", name="taken", query="?status=failed")
    assert response.status_code == 409
    assert "There is a view of this name already" in text(response)
    assert 'value="?status=failed"' in text(response)
    assert post(tenant, "/inbox/views", name="new", query="?status=nonsense").status_code == 422
    assert seen(tenant, "reviewer") == {"taken"}


def test_figures_are_of_what_waits(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.review.inbox_views.COUNTED", 2)
    execution = tenant.execution("a", "b", "c")
    tenant.api().tag(*(operation("add", execution, name, "pending_approval") for name in ("a", "b", "c")))
    tenant.api().tag(operation("add", execution, "a", "requires_review"))
    queries = {"all": "", "review": "?tag=requires_review", "named": "?task=b", "none": "?flow=x", "any": "?show=all"}
    views = {name: str(create_view(caller(tenant), name, query).id) for name, query in queries.items()}
    create_view(caller(tenant, "admin"), "not seen", "")
    figures = browser(tenant).get("/inbox/views/counts").json()["counts"]
    assert {name: figures[id] for name, id in views.items()} == {
        "all": "2+",
        "review": "1",
        "named": "1",
        "none": "0",
        "any": "",
    }
    assert len(figures) == len(views)

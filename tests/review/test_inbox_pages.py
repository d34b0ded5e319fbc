"""The pages of the inbox: none leaves something out, and none costs more than another."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Tenant, operation
from tests.review.inbox import desk, every_page, figures, listed, many, next_page, page, total, wait


@pytest.fixture(scope="module")
def crowded() -> Tenant:
    """With 130 tasks that wait; no test changes them."""
    tenant = Tenant.create()
    many(tenant, 130)
    return tenant


@pytest.mark.parametrize(
    "query", ["", "?sort=newest", "?sort=task", "?sort=flow", "?show=all", "?show=all&sort=oldest"]
)
def test_pages_have_everything_once(crowded: Tenant, query: str) -> None:
    seen = every_page(crowded, query)
    assert sorted(seen) == [f"task {number:03}" for number in range(130)]


@pytest.mark.parametrize("query", ["", "?sort=newest", "?sort=task"])
def test_what_comes_meanwhile_moves_no_page(tenant: Tenant, query: str) -> None:
    execution = many(tenant, 120)
    tenant.api().tag(*(operation("add", execution, f"task {number:03}", "requires_review") for number in range(60)))
    html = page(tenant, query)
    seen = listed(html)
    while following := next_page(html):
        wait(tenant, *(f"late {uuid4().hex}" for _ in range(20)))
        tenant.api().tag(*(operation("remove", execution, name, "pending_approval") for name in seen[:5]))
        html = page(tenant, following)
        seen += listed(html)
        if len(seen) > 400:
            break
    early = [name for name in seen if name.startswith("task")]
    once = set(early)
    assert once == {f"task {number:03}" for number in range(120)}
    late = [name for name in seen if name.startswith("late")]
    assert len(late) == len(set(late))


def test_figures_are_cut_and_say_so(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.review.inbox_counts.COUNTED", 80)
    many(tenant, 100)
    wait(tenant, "other", tag="requires_review", flow="others")
    html = page(tenant)
    assert figures(html)["pending_approval"] == "80+"
    assert total(html) == "81+"
    assert total(page(tenant, "?flow=others")) == "1"


def statements(tenant: Tenant, query: str) -> int:
    client = desk(tenant)
    client.get("/")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"/{query}").status_code == 200
    return len(captured)


@pytest.mark.parametrize("query", ["", "?q=task", "?show=all", "?flow=invoices&status=completed"])
def test_the_number_of_statements_does_not_grow(tenant: Tenant, query: str) -> None:
    execution = many(tenant, 1)
    few = statements(tenant, query)
    more = many(tenant, 200)
    tenant.api().tag(*(operation("add", more, f"task {number:03}", f"tag {number}") for number in range(100)))
    tenant.task(execution, "task 000", 1)
    assert statements(tenant, query) == few <= 16

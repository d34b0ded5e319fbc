"""A page of the inbox looks at a window of the list, says so, and leaves nothing out."""

import re

import pytest

from tests.cast import Tenant, operation
from tests.review.inbox import desk, every_page, listed, many, names, next_page, page, wait


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.review.inbox_query.LOOKED_AT", 40)


@pytest.fixture(scope="module")
def rare() -> Tenant:
    """The last of the list is like no other, nor is the first of all tasks that were reported. No test changes it."""
    tenant = Tenant.create()
    tenant.execution("first", flow_name="first flow")
    many(tenant, 100)
    last = wait(tenant, "last", flow="others")
    tenant.task(last, "last", 1, processing_status="failed", output="needle")
    tenant.api().tag(operation("add", last, "last", "late", tag_type="rare"))
    tenant.api("reviewer").tag(operation("add", last, "last", "requires_review"))
    return tenant


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=needle", "last"),
        ("?status=failed", "last"),
        ("?flow=others", "last"),
        ("?task=last", "last"),
        ("?tag=late", "last"),
        ("?show=all&flow=first+flow", "first"),
        ("?show=all&task=first", "first"),
        ("?show=all&tag=-", "first"),
    ],
)
def test_what_is_rare_is_found_at_the_end(rare: Tenant, query: str, found: str) -> None:
    html = page(rare, query)
    assert listed(html) == []
    assert "0 tasks found among the next 40 of the list" in html
    assert "Search further" in html
    assert "Nothing found so far" in html
    assert every_page(rare, query) == [found]


def test_what_an_index_finds_is_no_search(tenant: Tenant) -> None:
    many(tenant, 100)
    for query in ("", "?sort=newest", "?tag=pending_approval", "?age=hour", "?show=all", "?show=all&status=completed"):
        html = page(tenant, query)
        assert len(listed(html)) == 50
        assert "found among the next" not in html


@pytest.mark.parametrize("query", ["?sort=task", "?sort=flow"])
def test_by_name_the_oldest_are_sorted_and_the_page_says_so(tenant: Tenant, query: str) -> None:
    wait(tenant, "zebra")
    many(tenant, 60)
    html = page(tenant, query)
    assert "Sorted are the first 40 that wait longest; there are more." in html
    assert sorted(every_page(tenant, query)) == sorted(["zebra", *(f"task {number:03}" for number in range(39))])
    if query == "?sort=task":
        assert listed(html)[-1] == "zebra"


def test_all_that_match_is_asked_of_more_than_a_window(tenant: Tenant) -> None:
    many(tenant, 100)
    answer = desk(tenant).get("/inbox/matching?task=task+097").json()
    assert ([task["task_name"] for task in answer["tasks"]], answer["more"]) == (["task 097"], False)


def test_a_further_page_comes_without_the_rest(tenant: Tenant) -> None:
    many(tenant, 70)
    first = page(tenant)
    further = desk(tenant).get(f"/{next_page(first)}", headers={"X-Part": "list"}).content.decode()
    assert listed(further) == [f"task {number:03}" for number in range(50, 70)]
    assert "<header" not in further
    assert 'data-kind="approve"' in further
    as_viewer = desk(tenant, "viewer").get(f"/{next_page(first)}", headers={"X-Part": "list"}).content.decode()
    assert "data-kind" not in as_viewer


def test_rows_lead_on_in_the_list_that_they_are_of(tenant: Tenant) -> None:
    wait(tenant, "here", flow="others")
    assert re.search(r'href="/tasks/[^"?]*\?queue=flow%3Dothers"', page(tenant, "?flow=others"))
    assert re.search(r'href="/tasks/[^"?]*"', page(tenant))


def test_a_long_error_is_told_by_its_message(tenant: Tenant) -> None:
    execution = tenant.execution()
    error = {"stackTrace": "x" * 5000, "message": "out of paper", "zone": "y" * 600}
    tenant.task(execution, "print", processing_status="failed", error=error)
    tenant.api().tag(operation("add", execution, "print", "requires_attention"))
    html = page(tenant)
    assert "out of paper" in html
    assert "xxxx" not in html
    assert names(tenant, "?q=out+of+paper") == ["print"]

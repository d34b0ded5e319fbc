"""The admin's lists: bounded, with as many statements for many rows as for few, and unmoved by hostile addresses."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tags.admin import listing, site
from tags.admin import tenant as tenant_module
from tags.models.ids import first_id_of
from tests.admin.browsing import FLOW_EXECUTIONS, TAGS, TASKS, Person, text
from tests.cast import Tenant
from tests.tenancy.things import settle

LISTS = [f"/admin/tags/{model._meta.model_name}/" for model in site._registry]


@pytest.fixture
def person(tenant: Tenant) -> Person:
    return Person.logged_in(tenant.admin)


def statements(person: Person, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert person.get(path).status_code in (200, 302)
    return len(asked)


def test_a_list_asks_as_much_of_many_rows_as_of_few(tenant: Tenant, person: Person) -> None:
    """No name, flow, tag or count is looked up for each row."""
    settle(tenant, "first")
    few = {path: statements(person, path) for path in LISTS}
    for number in range(4):
        settle(tenant, f"more {number}")
    assert {path: statements(person, path) for path in LISTS} == few
    assert max(few.values()) <= 16


def test_nothing_is_counted_or_dated_to_its_end(tenant: Tenant, person: Person) -> None:
    settle(tenant, "ours")
    with CaptureQueriesContext(connection) as asked:
        for path in LISTS:
            person.get(path)
    for query in asked:
        sql = query["sql"]
        assert "DISTINCT" not in sql
        assert "MIN(" not in sql
        if "COUNT(*)" in sql and "__count" in sql:
            assert f"LIMIT {listing.MOST_LISTED + 1}" in sql, sql


def test_a_long_list_ends_and_says_so(tenant: Tenant, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = tenant.execution()
    for number in range(4):
        tenant.task(execution, f"task {number}")
    monkeypatch.setattr(listing, "MOST_LISTED", 3)
    shown = text(person.get(TASKS))
    assert "the newest 3 task executions; for older ones choose a date or a filter" in shown
    # A search looks no further than its bound.
    monkeypatch.setattr(tenant_module, "MOST_SEARCHED", 2)
    assert "task 3" in text(person.get(TASKS, q="task"))
    assert "task 0" not in text(person.get(TASKS, q="task"))
    with patch.object(listing, "MOST_LISTED", 100):
        assert "task 0" in text(person.get(TASKS))


def test_dates_lead_to_what_was_then(tenant: Tenant, person: Person, owner: psycopg.Connection) -> None:
    settle(tenant, "ours")
    then = datetime(2024, 2, 29, 12, tzinfo=UTC)
    query = "UPDATE task_tag SET created_at = %s, id = %s WHERE organization_id = %s AND tag = 'approved'"
    owner.execute(query, [then, first_id_of(then + timedelta(hours=1)), tenant.id])
    assert "created_at__year=2024" in text(person.get(TAGS))
    assert "created_at__month=2" in text(person.get(TAGS, created_at__year=2024))
    for chosen in ({}, {"created_at__month": 2}, {"created_at__month": 2, "created_at__day": 29}):
        shown = text(person.get(TAGS, created_at__year=2024, **chosen))
        assert "review:approved" in shown
        assert "1 task tag" in " ".join(shown.split())
    assert "0 task tags" in " ".join(text(person.get(TAGS, created_at__year=2024, created_at__month=3)).split())


def test_filters_links_and_ids(tenant: Tenant, person: Person) -> None:
    ids, other = settle(tenant, "ours"), tenant.execution("elsewhere", flow_name="other flow")
    assert "pending" not in text(person.get(TAGS, waits="yes"))
    tenant.api().tag(
        {
            "operation": "add",
            "flow_execution_id": str(other.id),
            "task_name": "elsewhere",
            "tag": "pending_approval",
            "tag_type": "t",
        }
    )
    assert "pending_approval" in text(person.get(TAGS, waits="yes"))
    assert "approved" not in text(person.get(TAGS, waits="yes")).split("changelist-form", 1)[1].split("</table>")[
        0
    ].replace("pending_approval", "").replace("does-approve", "")
    assert "elsewhere" not in text(person.get(TASKS, flow_execution=ids.flow_execution))
    assert str(other.id) not in text(person.get(FLOW_EXECUTIONS, flow=ids.flow))
    for query in (ids.task_execution, f" {ids.flow_execution} "):
        shown = text(person.get(TASKS, q=query))
        assert "extract" in shown
        assert "elsewhere" not in shown


HOSTILE: list[dict[str, Any]] = [
    {"q": "\x00"},
    {"q": "' OR 1=1 --"},
    {"q": "%_\\" * 50},
    {"p": "-1"},
    {"p": "1e9"},
    {"p": "999999"},
    {"o": "99.-99.x"},
    {"e": "1"},
    {"all": ""},
    {"_to_field": "organization"},
    {"_popup": "1"},
    {"id__regex": "("},
    {"status": "nothing"},
    {"status__in": "a"},
    {"created_at__year": "9999"},
    {"created_at__year": "0"},
    {"created_at__year": "x"},
    {"created_at__year": "9999", "created_at__month": "12"},
    {"created_at__year": "2026", "created_at__month": "99"},
    {"created_at__year": "2026", "created_at__day": "3"},
    {"created_at__month": "x"},
    {"created_at__gte": "x"},
    {"flow_execution": "x"},
    {"flow_execution": "\x00"},
    {"service_account": "0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11"},
    {"organization__name__startswith": "N"},
    {"user__password__startswith": "pbkdf2"},
    {"digest": "x"},
    {"tag_metadata__x": "1"},
    {"<script>": "1"},
]


@pytest.mark.parametrize("query", HOSTILE, ids=str)
def test_a_hostile_address_is_no_fault_of_ours(tenant: Tenant, person: Person, query: dict[str, Any]) -> None:
    for path in (TAGS, TASKS, FLOW_EXECUTIONS, "/admin/tags/apikey/", "/admin/tags/membership/", "/admin/tags/event/"):
        answer = person.get(path, **query)
        assert answer.status_code in (200, 302, 400), path
        assert "<script>=" not in text(answer)


def test_what_takes_too_long_is_given_up(tenant: Tenant, person: Person) -> None:
    with (
        patch("tags.admin.site._LONGEST_STATEMENT", "1"),
        patch.object(
            tenant_module.TenantAdmin,
            "get_search_results",
            lambda self, request, rows, term: (rows.extra(where=["pg_sleep(0.2) IS NOT NULL"]), False),
        ),
    ):
        tenant.execution("a task")
        answer = person.get(TASKS)
    assert answer.status_code == 503
    assert "Choose a date or a filter first." in text(answer)


def test_whatever_a_value_says_it_is_shown_as_text(tenant: Tenant, person: Person) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{ 7|add:7 }}'
    execution = tenant.execution(flow_name=evil)
    task = tenant.task(execution, evil, output={evil: evil}, error=evil)
    settle(tenant, evil)
    pages = [
        *LISTS,
        f"{TASKS}{task.id}/change/",
        f"{TASKS}{task.id}/history/",
        f"{FLOW_EXECUTIONS}{execution.id}/change/",
    ]
    for path in pages:
        shown = text(person.get(path))
        assert "<img src=x" not in shown, path
        assert "<script>alert" not in shown, path
    assert "&lt;img src=x" in text(person.get(f"{TASKS}{task.id}/change/"))

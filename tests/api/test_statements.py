"""A list sends the same statements whether it has one row or fifty: never one more for each row."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tags.models.ids import uuid7
from tests.cast import Tenant, operation

ROWS = 50


@contextmanager
def listened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that goes to the server, past Django's own counting too."""
    heard: list[str] = []

    def listening(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
            heard.append(statement if isinstance(statement, str) else repr(statement))
            return original(cursor, statement, *args, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("execute", "executemany", "stream"):
            patch.setattr(psycopg.Cursor, name, listening(getattr(psycopg.Cursor, name)))
        yield heard


def statements(monkeypatch: pytest.MonkeyPatch, tenant: Tenant, path: str, who: str) -> list[str]:
    api = tenant.api(who)
    api.get(path)  # so that the key's last use is noted already
    with listened(monkeypatch) as heard:
        assert api.get(path).status_code == 200
    return heard


def tags(tenant: Tenant, many: int) -> str:
    execution = tenant.execution("extract")
    tenant.api().tag(*[operation("add", execution, "extract", f"tag {number}") for number in range(many)])
    return f"/api/task-tags?flow_execution_id={execution.id}"


def task_executions(tenant: Tenant, many: int) -> str:
    """Each with a tag, whose reading is the query that would be harmful."""
    names = [f"task {number}" for number in range(many)]
    execution = tenant.execution(*names)
    tenant.api().tag(*[operation("add", execution, name, "approved") for name in names])
    return f"/api/task-executions?flow_execution_id={execution.id}"


def flow_executions(tenant: Tenant, many: int) -> str:
    for _ in range(many):
        execution = tenant.execution("extract")
        tenant.api().tag(operation("add", execution, "extract", "approved"))
    return f"/api/flow-executions?flow_id={execution.flow_id}&tags=approved&page_size=1000"


def events(tenant: Tenant, many: int) -> str:
    tags(tenant, many)
    return "/api/events?limit=1000"


def members(tenant: Tenant, many: int) -> str:
    for _ in range(many):
        tenant.api("admin").post("/api/members", {"username": str(uuid7()), "role": "viewer"})
    return "/api/members"


def service_accounts(tenant: Tenant, many: int) -> str:
    for number in range(many):
        tenant.api("admin").post("/api/service-accounts", {"name": f"program {number}"})
    return "/api/service-accounts"


def api_keys(tenant: Tenant, many: int) -> str:
    account = tenant.api("admin").get("/api/service-accounts").json()["service_accounts"][0]
    path = f"/api/service-accounts/{account['id']}/api-keys"
    for number in range(many):
        tenant.api("admin").post(path, {"name": f"key {number}"})
    return path


@pytest.mark.parametrize(
    ("fill", "who"),
    [
        (tags, "program"),
        (task_executions, "program"),
        (flow_executions, "program"),
        (events, "program"),
        (members, "admin"),
        (service_accounts, "admin"),
        (api_keys, "admin"),
    ],
)
def test_no_statement_comes_once_a_row(
    monkeypatch: pytest.MonkeyPatch, tenant: Tenant, neighbour: Tenant, fill: Callable[[Tenant, int], str], who: str
) -> None:
    few = statements(monkeypatch, tenant, fill(tenant, 1), who)
    many = statements(monkeypatch, neighbour, fill(neighbour, ROWS), who)
    harmful = Counter(many) - Counter(few)
    assert not harmful, f"sent more often for {ROWS} rows than for one: {harmful}"
    assert few


def test_the_listening_hears_a_statement_for_each_row(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> None:
    from tags.db.tenancy import in_organization
    from tags.models import Membership

    with listened(monkeypatch) as heard, in_organization(tenant.id):
        names = [member.user.username for member in Membership.objects.all()]
    assert len(names) == 3
    assert sum('FROM "user"' in statement for statement in heard) == 3

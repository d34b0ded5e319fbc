"""The look-up of a key that was met before travels with the work; the work stands or falls with its answer."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse

from tags.actions.service_accounts import (
    change_service_account,
    create_api_key,
    create_service_account,
    revoke_api_key,
)
from tags.db.tenancy import in_organization
from tags.models import EventStream, FlowExecution, Scope, TaskTag
from tags.models.access import token_digest
from tests.actions.wire import conversation
from tests.cast import Api, Tenant, operation


class Program:
    """A service account whose key this process has met."""

    def __init__(self, tenant: Tenant, scopes: list[Scope]) -> None:
        self.tenant, self.account = tenant, create_service_account(tenant.id, "program", scopes, "integration")
        self.key, self.token = create_api_key(tenant.id, self.account.id, "key")
        self.api = Api({"X-API-Key": self.token})
        assert self.api.get("/api/profile/me").status_code == 200

    def lose_key(self) -> None:
        revoke_api_key(self.tenant.id, self.account.id, self.key.id)

    def lose_scopes(self) -> None:
        change_service_account(self.tenant.id, self.account.id, scopes=[])


@pytest.fixture
def program(tenant: Tenant) -> Program:
    return Program(tenant, [Scope.READ, Scope.TAG])


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


def trips(ask: Callable[[], HttpResponse]) -> list[list[str]]:
    ask()  # so that the key's last use is noted already
    with conversation() as heard:
        assert ask().status_code == 200
    return heard.round_trips


def test_a_read_takes_one_round_trip_with_the_look_up(program: Program, execution: FlowExecution) -> None:
    heard = trips(lambda: program.api.get(f"/api/task-tags?flow_execution_id={execution.id}"))

    assert len(heard) == 1
    assert "tagsite_key_holder" in heard[0][0]


def test_a_batch_is_looked_up_with_its_locks(program: Program, execution: FlowExecution) -> None:
    number = iter(range(10))
    heard = trips(lambda: program.api.tag(operation("add", execution, "extract", f"{next(number)}")))

    assert "tagsite_key_holder" in heard[0][1]
    assert "FOR NO KEY UPDATE" in heard[0][2]


def test_a_database_that_is_away_is_said_at_once(program: Program, execution: FlowExecution) -> None:
    """Each statement, the look-up of the key included, may wait as long as patience lasts."""
    asked = []

    def be_away(execute: Any, sql: str, *more: Any) -> Any:
        asked.append(sql)
        raise OperationalError("planted")

    with connection.execute_wrapper(be_away):
        answer = program.api.tag(operation("add", execution, "extract", "approved"))

    assert answer.status_code == 503
    assert len(asked) == 1


_GOOD_BYE = "DO $$ BEGIN RAISE 'terminating connection' USING ERRCODE = 'admin_shutdown'; END $$"


@pytest.mark.parametrize(
    "ask",
    [
        lambda api, execution: api.tag(operation("add", execution, "extract", "approved")),
        lambda api, execution: api.get(f"/api/task-tags?flow_execution_id={execution.id}"),
    ],
)
def test_a_database_that_goes_away_meanwhile_is_said_as_well(
    program: Program, execution: FlowExecution, ask: Callable[[Api, FlowExecution], HttpResponse]
) -> None:
    """The look-up is on its way, and what comes is the server's good-bye; who asks again finds it back."""
    good_byes = [_GOOD_BYE]

    def cut(execute: Any, sql: str, parameters: Any, *more: Any) -> Any:
        if "tagsite_key_holder" in sql and good_byes:
            return execute(good_byes.pop(), [], *more)
        return execute(sql, parameters, *more)

    with connection.execute_wrapper(cut):
        answer = ask(program.api, execution)

    assert answer.status_code == 503


def test_a_look_up_that_is_wrong_is_told_as_our_fault(program: Program, execution: FlowExecution) -> None:
    def break_look_up(execute: Any, sql: str, *more: Any) -> Any:
        return execute(sql.replace("tagsite_key_holder", "tagsite_nothing"), *more)

    with connection.execute_wrapper(break_look_up):
        answer = program.api.get(f"/api/task-tags?flow_execution_id={execution.id}")

    assert answer.status_code == 500


def test_nothing_is_written_for_a_key_that_was_revoked(program: Program, execution: FlowExecution) -> None:
    program.lose_key()

    assert program.api.tag(operation("add", execution, "extract", "approved")).status_code == 401
    assert nothing_was_tagged(program.tenant)


def test_nothing_is_written_for_a_key_that_lost_its_scope(program: Program, execution: FlowExecution) -> None:
    program.lose_scopes()

    assert program.api.tag(operation("add", execution, "extract", "approved")).status_code == 403
    assert nothing_was_tagged(program.tenant)


def nothing_was_tagged(tenant: Tenant) -> bool:
    with in_organization(tenant.id):
        tags = TaskTag.all_objects.in_organization(tenant.id).count()
        return tags == 0 and EventStream.objects.get(organization_id=tenant.id).position == _EXECUTION_AND_TASK


# Events of `execution`.
_EXECUTION_AND_TASK = 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.patch("/api/task-tags", "{"),
        lambda api: api.patch("/api/task-tags", {"tags": []}),
        lambda api: api.patch("/api/task-tags", '{"tags": "' + "x" * 2**20 + '"}'),
        lambda api: api.get("/api/task-tags?flow_execution_id=x"),
        lambda api: api.get("/api/task-tags?flow_execution_id=0199f3a0-7c1e-7a52-9d3b-4f1f6f0a2b11"),
        lambda api: api.get("/api/events?after=-1"),
    ],
)
def test_every_other_error_waits_for_the_look_up(program: Program, ask: Callable[[Api], HttpResponse]) -> None:
    assert ask(program.api).status_code in (400, 404, 413, 422)

    program.lose_scopes()
    assert ask(program.api).status_code == 403

    program.lose_key()
    assert ask(program.api).status_code == 401


def test_a_key_that_does_not_hold_names_no_organization(program: Program) -> None:
    def named() -> str:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT FROM tagsite_key_holder(%s)", [token_digest(program.token)])
            cursor.execute("SELECT current_setting('tagsite.organization_id')")
            return str(cursor.fetchone()[0])

    assert named() == str(program.tenant.id)

    program.lose_key()
    assert named() == ""

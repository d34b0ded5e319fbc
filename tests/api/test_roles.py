"""Who may do what: every operation of the OpenAPI document, asked by everybody."""

from typing import Any

import pytest
from django.http import HttpResponse

from tests.api.calls import UNKNOWN_ID
from tests.api.openapi import document
from tests.cast import Api, Tenant

EVERYBODY = {"viewer", "reviewer", "admin", "read", "tag", "ingest"}
READERS = {"viewer", "reviewer", "admin", "read"}
ADMINS = {"admin"}

# A service account is named by its one scope.
ALLOWED: dict[str, set[str]] = {
    "list_task_tags": READERS,
    "wait_for_task_tag": READERS,
    "change_task_tags": {"reviewer", "admin", "tag"},
    "list_task_executions": READERS,
    "get_task_execution": READERS,
    "report_task_execution": {"admin", "ingest"},
    "correct_task_execution": {"reviewer", "admin", "ingest"},
    "list_flow_executions": READERS,
    "get_flow_execution": READERS,
    "create_flow_execution": {"admin", "ingest"},
    "set_flow_execution_status": {"admin", "ingest"},
    "delete_flow_execution": {"admin", "ingest"},
    "report_lineage": {"admin", "ingest"},
    "list_events": READERS,
    "get_seal": READERS,
    "create_ws_ticket": READERS,
    "get_profile": EVERYBODY,
    "list_service_accounts": ADMINS,
    "create_service_account": ADMINS,
    "get_service_account": ADMINS,
    "change_service_account": ADMINS,
    "revoke_service_account": ADMINS,
    "list_api_keys": ADMINS,
    "create_api_key": ADMINS,
    "rename_api_key": ADMINS,
    "revoke_api_key": ADMINS,
    "list_members": ADMINS,
    "add_member": ADMINS,
    "change_member_role": ADMINS,
    "remove_member": ADMINS,
}
WITHOUT_CREDENTIAL = {"log_in", "refresh_tokens"}

OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method, path)
    for path, methods in document().document["paths"].items()
    for method, operation in methods.items()
}


@pytest.fixture(scope="module")
def callers() -> dict[str, Api]:
    """One client for each role, and one for each scope alone."""
    tenant = Tenant.create()
    people = {who: tenant.api(who) for who in ("viewer", "reviewer", "admin")}
    return {**people, **{scope: program(tenant, scope) for scope in ("read", "tag", "ingest")}}


def program(tenant: Tenant, scope: str) -> Api:
    admin = tenant.api("admin")
    account = admin.post("/api/service-accounts", {"name": scope, "scopes": [scope]}).json()
    key = admin.post(f"/api/service-accounts/{account['id']}/api-keys", {"name": scope}).json()
    return Api({"X-API-Key": key["token"]})


def ask(api: Api, operation: str, method: str | None = None) -> HttpResponse:
    """With an empty body and ids of nothing: who may ask hears what is wrong with it, and nothing ever changes."""
    documented, path = OPERATIONS[operation]
    for name in ("record_id", "execution_id", "account_id", "key_id", "member_id"):
        path = path.replace(f"{{{name}}}", UNKNOWN_ID)
    arguments: dict[str, Any] = {} if documented in ("get", "delete") else {"data": "{}"}
    call = getattr(api.client, method or documented)
    return call(path, **arguments, content_type="application/json", headers=api.headers)


def test_the_table_names_every_operation() -> None:
    assert ALLOWED.keys() | WITHOUT_CREDENTIAL == OPERATIONS.keys()


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("operation", sorted(ALLOWED))
def test_who_may_gets_through_and_who_may_not_is_forbidden(callers: dict[str, Api], operation: str, who: str) -> None:
    status = ask(callers[who], operation).status_code
    assert (status != 403) == (who in ALLOWED[operation])
    assert status != 401


@pytest.mark.parametrize("operation", sorted(ALLOWED))
def test_nobody_gets_through_without_a_credential(operation: str) -> None:
    assert ask(Api(), operation).status_code == 401


@pytest.mark.parametrize("operation", sorted(WITHOUT_CREDENTIAL))
def test_a_log_in_needs_no_credential(operation: str) -> None:
    assert ask(Api(), operation).status_code == 400


@pytest.mark.parametrize("operation", sorted(name for name in ALLOWED if OPERATIONS[name][0] == "get"))
@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_head_is_allowed_to_whom_get_is(callers: dict[str, Api], operation: str, who: str) -> None:
    status = ask(callers[who], operation, "head").status_code
    assert (status != 403) == (who in ALLOWED[operation])

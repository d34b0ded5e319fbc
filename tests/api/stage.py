"""A stage for input that nobody sends in good faith: every write endpoint, and what is stored.

Three rules hold for all such input: never a 5xx, an error has the contract's body (tests/api/openapi.py looks at every
response), and what is refused changes nothing.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from psycopg import Connection

from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID
from tests.api.openapi import document
from tests.cast import Tenant, operation

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Write:
    """A write endpoint, and a body that it would take."""

    method: str
    path: str
    who: str
    body: dict[str, Any]
    operation: str
    most: int = MEBIBYTE


class Stage:
    """One organization with something of everything, and what is stored of it."""

    def __init__(self, tenant: Tenant, owner: Connection) -> None:
        self.tenant, self.owner = tenant, owner
        self.execution = tenant.execution("extract")
        self.record = tenant.task(self.execution, "check", output=1)
        self.apis = {who: tenant.api(who) for who in ("program", "admin", "reviewer", "viewer")}
        account = self.apis["admin"].get("/api/service-accounts").json()["service_accounts"][0]["id"]
        key = self.apis["admin"].get(f"/api/service-accounts/{account}/api-keys").json()["api_keys"][0]["id"]
        members = self.apis["admin"].get("/api/members").json()["members"]
        viewer = next(member["id"] for member in members if member["role"] == "viewer")
        self.writes = writes(self, account, key, viewer)

    def send(self, write: Write, body: bytes | str, **headers: str) -> HttpResponse:
        api = self.apis[write.who]
        content_type = headers.pop("content_type", "application/json")
        data = body.encode() if isinstance(body, str) else body
        method = write.method.upper()
        return api.client.generic(method, write.path, data, content_type, headers={**api.headers, **headers})

    def stored(self) -> str:
        """A digest of every row version of the organization, and how many people there are."""
        return str(self.owner.execute(_STORED, {"organization_id": self.tenant.id}).fetchone())


# Whatever is inserted, updated or deleted gives a row a new place and a new transaction. (The last use of a key is
# no change of anybody's.)
_TABLES = [
    "event_stream",
    "event",
    "flow",
    "flow_execution",
    "task_execution",
    "task_tag",
    "membership",
    "service_account",
    "ws_ticket",
]
_VERSIONS = " UNION ALL ".join(
    f"SELECT '{table}', ctid::text, xmin::text FROM {table} WHERE organization_id = %(organization_id)s"
    for table in _TABLES
)
_STORED = f"""
    SELECT md5(string_agg(version::text, ',' ORDER BY version::text)), (SELECT count(*) FROM "user"),
           (SELECT array_agg((id, name, prefix, expires_at, revoked_at) ORDER BY id)::text
            FROM api_key WHERE organization_id = %(organization_id)s)
    FROM ({_VERSIONS}) AS version
"""


def writes(stage: Stage, account: str, key: str, viewer: str) -> dict[str, Write]:
    execution_id = str(stage.execution.id)
    tag = operation("add", execution_id, "extract", "approved", tag_metadata={"by": "ada"})
    report = {
        "flow_execution_id": execution_id,
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "completed",
        "edited_status": "not_edited",
        "stale_status": "consistent",
        "input": {"a": 1},
        "output": [1],
        "error": None,
        "source_task_executions": [UNKNOWN_ID],
        "started_at": "2026-01-31T09:00:00Z",
        "completed_at": "2026-01-31T09:00:00Z",
        "credits": 3,
    }
    correction = {
        **report,
        "id": str(stage.record.id),
        "task_name": "check",
        "updated_at": None,
    }
    flow = {
        "id": str(uuid7()),
        "flow_id": str(stage.execution.flow_id),
        "flow_name": "invoices",
        "flow_version": 1,
        "status": "queued",
        "input": {},
    }
    accounts = "/api/service-accounts"
    account_body = {"name": "robot", "scopes": ["read"], "kind": "integration"}
    key_body = {"name": "key", "expires_at": "2030-01-01T00:00:00Z"}
    log_in = {"username": "ada", "password": "secret", "organization_id": UNKNOWN_ID}
    sixteen = 16 * MEBIBYTE
    executions = "/api/task-executions"
    found = [
        Write("patch", "/api/task-tags", "program", {"tags": [tag]}, "change_task_tags"),
        Write("post", executions, "program", report, "report_task_execution", sixteen),
        Write("put", executions, "reviewer", correction, "correct_task_execution", sixteen),
        Write("post", "/api/flow-executions", "program", flow, "create_flow_execution"),
        Write("post", accounts, "admin", account_body, "create_service_account"),
        Write("patch", f"{accounts}/{account}", "admin", {"name": "worker"}, "change_service_account"),
        Write("post", f"{accounts}/{account}/api-keys", "admin", key_body, "create_api_key"),
        Write("patch", f"{accounts}/{account}/api-keys/{key}", "admin", {"name": "first"}, "rename_api_key"),
        Write("post", "/api/members", "admin", {"username": "ada", "role": "viewer"}, "add_member"),
        Write("patch", f"/api/members/{viewer}", "admin", {"role": "viewer"}, "change_member_role"),
        Write("post", "/api/ws-tickets", "viewer", {}, "create_ws_ticket"),
        Write("post", "/api/auth/token", "viewer", log_in, "log_in"),
        Write("post", "/api/auth/token/refresh", "viewer", {"refresh_token": "x"}, "refresh_tokens"),
    ]
    return {write.operation: write for write in found}


OPERATIONS = [
    operation["operationId"]
    for methods in document().document["paths"].values()
    for operation in methods.values()
    # OpenLineage's events are held to its own specification, and refused one by one: tests/ingest.
    if "requestBody" in operation and operation["operationId"] != "report_lineage"
]
every_write = pytest.mark.parametrize("name", OPERATIONS)


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def with_metadata(stage: Stage, text: str) -> HttpResponse:
    body = json.dumps({"tags": [operation("add", stage.execution, "extract", "hostile", tag_metadata="@")]})
    return stage.send(stage.writes["change_task_tags"], body.replace('"@"', text))


def pointer(name: str) -> str:
    """Where the OpenAPI document has the operation of this name."""
    for path, methods in document().document["paths"].items():
        for method, described in methods.items():
            if described["operationId"] == name:
                return f"/paths/{path.replace('/', '~1')}/{method}"
    raise LookupError(name)

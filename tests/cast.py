"""The cast of the tests: an organization with its people, its program and something to tag.

Each test makes its own, so tests never meet: they are kept apart as tenants are, and nothing is cleaned up in between.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.http import HttpResponse

from tags.actions.credentials import issue_tokens
from tags.actions.flow_executions import create_flow_execution
from tags.actions.organizations import create_organization
from tags.actions.service_accounts import create_api_key, create_service_account
from tags.actions.task_executions import report_task_execution
from tags.db.tenancy import in_organization
from tags.models import SYSTEM, Actor, FlowExecution, Membership, Role, Scope, TaskExecution, User
from tags.models.ids import uuid7
from tests.clients import Client

PASSWORD = "correct horse battery staple"
# Made once, or hashing passwords would take most of the tests' time.
_PASSWORD_HASH = make_password(PASSWORD)


@dataclass
class Api:
    """A client of the JSON API with one credential."""

    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(path, query, headers=self.headers)

    def post(self, path: str, body: Any = None) -> HttpResponse:
        return self._send("post", path, body)

    def put(self, path: str, body: Any = None) -> HttpResponse:
        return self._send("put", path, body)

    def patch(self, path: str, body: Any = None) -> HttpResponse:
        return self._send("patch", path, body)

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(path, headers=self.headers)

    def _send(self, method: str, path: str, body: Any) -> HttpResponse:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return getattr(self.client, method)(path, data, content_type="application/json", headers=self.headers)

    @cached_property
    def client(self) -> Client:
        # What would be a 500 is one in the tests too.
        return Client(raise_request_exception=False)

    def tag(self, *operations: dict[str, Any]) -> HttpResponse:
        return self.patch("/api/task-tags", {"tags": list(operations)})


@dataclass
class Tenant:
    """An organization with an admin, a reviewer, a viewer and a program that may do all that programs may."""

    id: UUID
    admin: User
    reviewer: User
    viewer: User
    token: str

    @classmethod
    def create(cls, name: str = "Acme") -> "Tenant":
        organization_id = uuid7()
        # One transaction, and the people together: thousands of tests begin with this.
        with in_organization(organization_id):
            create_organization(name, organization_id)
            people = {role: User(username=f"{role}-{uuid7()}", password=_PASSWORD_HASH) for role in Role}
            User.objects.bulk_create(people.values())
            Membership.objects.bulk_create(
                Membership(organization_id=organization_id, user=user, role=role) for role, user in people.items()
            )
            account = create_service_account(organization_id, "worker", list(Scope), "integration")
            _, token = create_api_key(organization_id, account.id, "first")
        return cls(organization_id, people[Role.ADMIN], people[Role.REVIEWER], people[Role.VIEWER], token)

    def api(self, who: str = "program") -> Api:
        """A client for `program`, `admin`, `reviewer` or `viewer`."""
        if who == "program":
            return Api({"X-API-Key": self.token})
        with in_organization(self.id):
            membership = Membership.objects.select_related("user").get(user=getattr(self, who))
        access, _ = issue_tokens(membership)
        return Api({"Authorization": f"Bearer {access}"})

    @property
    def actor(self) -> Actor:
        return Actor("user", self.reviewer.id, str(self.reviewer.id), "test")

    def execution(self, *task_names: str, flow_name: str = "invoices") -> FlowExecution:
        """A flow execution with one completed run of each task."""
        execution = create_flow_execution(self.id, SYSTEM, flow_name=flow_name, fields={"status": "running"})
        for name in task_names:
            self.task(execution, name)
        return execution

    def task(self, execution: FlowExecution, name: str, idx: int = 0, **fields: Any) -> TaskExecution:
        return report_task_execution(
            self.id,
            SYSTEM,
            flow_execution_id=execution.id,
            task_name=name,
            idx=idx,
            fields={"processing_status": "completed", **fields},
        )


def operation(
    kind: str, execution: FlowExecution | UUID | str, task_name: str, tag: str, **more: Any
) -> dict[str, Any]:
    """One entry of PATCH /api/task-tags."""
    execution_id = execution.id if isinstance(execution, FlowExecution) else execution
    return {
        "operation": kind,
        "flow_execution_id": str(execution_id),
        "task_name": task_name,
        "tag": tag,
        "tag_type": "review",
        **more,
    }

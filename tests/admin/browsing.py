"""A person at the admin's pages, as a browser would be: with a session, and the token of each form."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from tags.actions.credentials import SESSION_ORGANIZATION
from tags.models import User
from tests.clients import Client

RULES = "/admin/tags/reviewrule/"
REJECTED = "/admin/tags/rejectedevent/"
TAGS = "/admin/tags/tasktag/"
TASKS = "/admin/tags/taskexecution/"
FLOW_EXECUTIONS = "/admin/tags/flowexecution/"
DECISIONS = "/admin/tags/decision/"
ACCOUNTS = "/admin/tags/serviceaccount/"
KEYS = "/admin/tags/apikey/"
MEMBERS = "/admin/tags/membership/"
ORGANIZATION = "/admin/tags/organization/"

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass
class Person:
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True, raise_request_exception=False))

    @classmethod
    def logged_in(cls, user: User, organization_id: UUID | None = None) -> "Person":
        person = cls()
        person.client.force_login(user)
        if organization_id is not None:
            session = person.client.session
            session[SESSION_ORGANIZATION] = str(organization_id)
            session.save()
        return person

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(path, query)

    def post(self, path: str, fields: dict[str, Any], form_at: str = "/admin/") -> HttpResponse:
        """With the token of the form on that page."""
        token = _TOKEN.search(self.get(form_at).content.decode())
        assert token is not None, f"no form at {form_at}"
        return self.client.post(path, {**fields, "csrfmiddlewaretoken": token[1]})

    def act(self, path: str, action: str, *ids: UUID) -> str:
        """Check these rows of a list and press a button; gives the page it leads to."""
        answer = self.post(path, {"action": action, "_selected_action": [str(id) for id in ids]}, path)
        assert answer.status_code == 302
        return text(self.get(answer["Location"]))


def text(response: HttpResponse) -> str:
    return response.content.decode()


def rule_form(**changes: Any) -> dict[str, Any]:
    """What the browser sends of a filled-in form."""
    return {
        "name": "Failed runs",
        "is_active": "on",
        "flow_pattern": "",
        "task_pattern": "extract*",
        "statuses": ["failed"],
        "expression": "contains(error.message, 'timeout')",
        "sampling_rate": "0.25",
        "tags": '[{"tag": "look", "tag_type": "rule", "tag_metadata": {"limit": 0.10}}]',
        **changes,
    }

"""The requests that name things by id, for every endpoint and method of the API; and what an answer is compared by.

`attempts` is a table: each entry is written once and sent with the neighbour's ids and with nobody's.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, reverse

from tags.actions.credentials import issue_tokens
from tags.api import urls
from tags.api.error_body import not_found
from tags.models import Membership, User
from tests.cast import PASSWORD, Api, operation
from tests.tenancy.things import A_UUID, Ids

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
READ_BEFORE_ANY_CALLER = {"token", "token-refresh", "schema", "docs"}
"""Endpoints that ask for no credential, so there is no caller's organization to get wrong."""

# Entries that name the neighbour where nothing of the neighbour's could be looked up even without both layers: a key
# that is the caller's own to choose, a field that is ignored, or a place beside a thing of the caller's that decides.
NO_LOOK_UP = {
    ("POST", "flow-executions", "id"),
    ("POST", "task-executions", "id"),
    ("PUT", "task-executions", "move"),
    ("PUT", "task-executions", "source"),
    ("GET", "flow-executions", "start"),
    ("PATCH", "api-key", "at our account"),
    ("DELETE", "api-key", "at our account"),
}

# Which entry: method, endpoint, and what it names.
Label = tuple[str, str, str]


@dataclass(frozen=True)
class Attempt:
    method: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def send(self, api: Api) -> HttpResponse:
        data = "" if self.body is None else json.dumps(self.body)
        path = f"{self.path}?{urlencode(self.query, doseq=True)}"
        return api.client.generic(self.method, path, data, content_type="application/json", headers=api.headers)


def endpoints(patterns: list[URLPattern | URLResolver] = urls.urlpatterns) -> Iterator[tuple[str, str]]:
    """Every (method, endpoint) of the URL configuration, the answer to unknown paths aside."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns)
        elif pattern.callback is not not_found:
            view = getattr(pattern.callback, "cls", None) or pattern.callback.view_class
            yield from ((method, str(pattern.name)) for method in METHODS if hasattr(view, method.lower()))


def attempts(own: Ids, named: Ids, person: User | None = None) -> dict[Label, Attempt]:
    """The table. `own` are the caller's ids; `named` the neighbour's or nobody's; `person` is one of the caller's side.

    HEAD and OPTIONS follow from the rest, and each request also claims the organization in its query and its body.
    """
    table = {
        **_of_task_tags(own, named),
        **_of_task_executions(own, named),
        **_of_flow_executions(own, named),
        **_of_programs(own, named),
        **_of_people(named, person),
        **_of_lineage(named),
    }
    for (method, endpoint, what), (path, query, _) in list(table.items()):
        if method == "GET":
            table["HEAD", endpoint, what] = (path, query, None)
        table["OPTIONS", endpoint, ""] = (path, query, None)
    return {label: _claiming(named.organization, label[0], *rest) for label, rest in table.items()}


Entries = dict[Label, tuple[str, dict[str, Any], dict[str, Any] | None]]


def _claiming(organization: str, method: str, path: str, query: Any, body: Any) -> Attempt:
    claim = {"organization_id": organization}
    return Attempt(method, path, {**claim, **query}, None if body is None else {**claim, **body})


def _to(endpoint: str, **arguments: str) -> str:
    return reverse(endpoint, kwargs=arguments)


def _of_task_tags(own: Ids, named: Ids) -> Entries:
    path = _to("task-tags")
    add, remove = (operation(kind, named.flow_execution, "extract", "approved") for kind in ("add", "remove"))
    awaited = {"flow_execution_id": named.flow_execution, "task_name": "extract", "tag_type": "review"}
    ours = operation("add", own.flow_execution, "extract", "approved")
    with_metadata = {**remove, "tag_metadata": {"text": "neighbours-own metadata"}}
    return {
        ("GET", "task-tags", "execution"): (path, {"flow_execution_id": named.flow_execution}, None),
        ("GET", "task-tags", "task"): (path, {"flow_execution_id": named.flow_execution, "task_name": "extract"}, None),
        ("GET", "task-tags-wait", ""): (_to("task-tags-wait"), {**awaited, "timeout": 0}, None),
        ("PATCH", "task-tags", "add"): (path, {}, {"tags": [add]}),
        ("PATCH", "task-tags", "remove"): (path, {}, {"tags": [with_metadata]}),
        ("PATCH", "task-tags", "after our own"): (path, {}, {"tags": [ours, add, remove]}),
    }


def _of_task_executions(own: Ids, named: Ids) -> Entries:
    path = _to("task-executions")
    run = {"task_name": "extract", "task_execution_idx": 0, "processing_status": "failed"}
    moved = {"id": own.task_execution, "flow_execution_id": named.flow_execution}
    sourced = {"id": own.task_execution, "source_task_executions": [named.task_execution]}
    return {
        ("GET", "task-executions", "all"): (path, {}, None),
        ("GET", "task-executions", "execution"): (path, {"flow_execution_id": named.flow_execution}, None),
        ("GET", "task-executions", "tag"): (path, {"flow_execution_id": named.flow_execution, "tag": "approved"}, None),
        ("GET", "task-executions", "cursor"): (path, {"cursor": _cursor(named.task_execution)}, None),
        ("GET", "task-execution", ""): (_to("task-execution", record_id=named.task_execution), {}, None),
        ("POST", "task-executions", "execution"): (path, {}, {**run, "flow_execution_id": named.flow_execution}),
        ("POST", "task-executions", "id"): (
            path,
            {},
            {**run, "flow_execution_id": own.flow_execution, "id": named.task_execution, "output": named.api_key},
        ),
        ("PUT", "task-executions", "id"): (path, {}, {"id": named.task_execution, "output": 1}),
        ("PUT", "task-executions", "id, run"): (path, {"execute_flow": "true"}, {"id": named.task_execution}),
        ("PUT", "task-executions", "move"): (path, {}, moved),
        ("PUT", "task-executions", "source"): (path, {"execute_flow": "true"}, sourced),
    }


def _cursor(record_id: str) -> str:
    """As the list gives it, at a time when everything was there already."""
    return base64.urlsafe_b64encode(f"2100-01-01T00:00:00+00:00|{record_id}".encode()).decode()


def _of_flow_executions(own: Ids, named: Ids) -> Entries:
    path, one = _to("flow-executions"), _to("flow-execution", execution_id=named.flow_execution)
    status = _to("flow-execution-status", execution_id=named.flow_execution)
    tagged = {"flow_id": named.flow, "tags": ["review:approved", "neighbours-own tag"]}
    from_named = {"flow_id": own.flow, "start_from_execution_id": named.flow_execution}
    return {
        ("GET", "flow-executions", "flow"): (path, {"flow_id": named.flow}, None),
        ("GET", "flow-executions", "tags"): (path, tagged, None),
        ("GET", "flow-executions", "start"): (path, from_named, None),
        ("GET", "flow-executions", "flow, start"): (path, {**from_named, "flow_id": named.flow}, None),
        ("GET", "flow-execution", ""): (one, {}, None),
        ("POST", "flow-executions", "flow"): (path, {}, {"flow_id": named.flow, "input": {}}),
        ("POST", "flow-executions", "flow, known name"): (path, {}, {"flow_id": named.flow, "flow_name": "invoices"}),
        ("POST", "flow-executions", "flow, new name"): (path, {}, {"flow_id": named.flow, "flow_name": named.flow}),
        ("POST", "flow-executions", "id"): (path, {}, {"id": named.flow_execution, "flow_id": own.flow}),
        ("PATCH", "flow-execution-status", ""): (status, {"status": "failed"}, {}),
        ("PATCH", "flow-execution-status", "delete"): (status, {"status": "deleted"}, {}),
        ("DELETE", "flow-execution", ""): (one, {}, None),
        ("GET", "events", ""): (_to("events"), {"after": 0, "limit": 1000}, None),
        ("GET", "seal", ""): (_to("seal"), {}, None),
        ("GET", "events", "execution"): (_to("events"), {"flow_execution_id": named.flow_execution}, None),
    }


def _of_programs(own: Ids, named: Ids) -> Entries:
    accounts, one = _to("service-accounts"), _to("service-account", account_id=named.service_account)
    keys = _to("api-keys", account_id=named.service_account)
    key = _to("api-key", account_id=named.service_account, key_id=named.api_key)
    key_at_ours = _to("api-key", account_id=own.service_account, key_id=named.api_key)
    name = {"name": "taken over", "scopes": ["read", "tag", "ingest"]}
    return {
        ("GET", "service-accounts", ""): (accounts, {}, None),
        ("POST", "service-accounts", ""): (accounts, {}, {**name, "id": named.service_account}),
        ("GET", "service-account", ""): (one, {}, None),
        ("PATCH", "service-account", ""): (one, {}, name),
        ("DELETE", "service-account", ""): (one, {}, None),
        ("GET", "api-keys", ""): (keys, {}, None),
        ("POST", "api-keys", ""): (keys, {}, name),
        ("PATCH", "api-key", ""): (key, {}, name),
        ("PATCH", "api-key", "at our account"): (key_at_ours, {}, name),
        ("DELETE", "api-key", ""): (key, {}, None),
        ("DELETE", "api-key", "at our account"): (key_at_ours, {}, None),
        ("POST", "ws-tickets", ""): (_to("ws-tickets"), {}, {"user_id": named.user, "api_key_id": named.api_key}),
    }


def _of_lineage(named: Ids) -> Entries:
    """An event whose producer calls its runs as the neighbour's rows are called."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-31T09:00:00Z",
        "job": {"namespace": "n", "name": "extract"},
        "run": {
            "runId": named.task_execution,
            "facets": {"parent": {"run": {"runId": named.flow_execution}, "job": {"namespace": "n", "name": "f"}}},
        },
    }
    return {("POST", "lineage", "runs"): (_to("lineage"), {}, event)}


def _of_people(named: Ids, person: User | None) -> Entries:
    members, one = _to("members"), _to("member", member_id=named.member)
    # A person is nobody's: naming one by user name answers alike, and `user_id` is theirs, not the neighbour's.
    newcomer = {"username": named.username, "role": "viewer", "id": named.member, "user_id": named.user}
    log_in = {"username": person.username if person else "nobody", "password": PASSWORD}
    return {
        ("GET", "members", ""): (members, {}, None),
        ("POST", "members", ""): (members, {}, newcomer),
        ("PATCH", "member", ""): (one, {}, {"role": "admin"}),
        ("DELETE", "member", ""): (one, {}, None),
        ("POST", "token", ""): (_to("token"), {}, log_in),
        ("POST", "token-refresh", ""): (_to("token-refresh"), {}, {"refresh_token": _refresh_token(person, named)}),
        ("GET", "profile", ""): (_to("profile"), {}, None),
        ("GET", "schema", ""): (_to("schema"), {}, None),
        ("GET", "docs", ""): (_to("docs"), {}, None),
    }


def _refresh_token(person: User | None, named: Ids) -> str:
    """Genuine, for an organization that the person is not, or no longer, in."""
    return issue_tokens(Membership(user=person, organization_id=named.organization))[1] if person else "none"


LABELS = sorted(attempts(Ids.of_nobody(), Ids.of_nobody()))

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)")
_SECRET = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|tagsite_[\w-]+|tgt_[\w-]+")
_CSRF_TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")


def comparable(response: HttpResponse, named: Ids) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, with the request's id and the ids it named made alike.

    What an answer to a change has just made (ids, times, tokens) differs each time, and is made alike too.
    """
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    body = response.content.decode().replace(response["X-Request-ID"], "<request>")
    body = _CSRF_TOKEN.sub("<csrf>", body)
    if response.status_code in (200, 201) and response.request["REQUEST_METHOD"] in ("POST", "PUT"):
        headers.pop("Content-Length")  # PostgreSQL leaves zeros at the end of a fraction of a second out
        for volatile in (A_UUID, _TIME, _SECRET):
            body = volatile.sub("<new>", body)
    for value in named.named_in(body):
        body = body.replace(value, "<named>")
    return response.status_code, headers, body


def shown(response: HttpResponse, words: set[str], attempt: Attempt) -> set[str]:
    """Which of the words the answer holds without having been told them by the request."""
    text = f"{response.headers} {response.content.decode()}"
    told = json.dumps([attempt.path, attempt.query, attempt.body])
    for value in [
        *re.findall(r"person-[\w-]+", told),
        *A_UUID.findall(told),
        *re.findall(r"neighbours-own[\w -]*", told),
    ]:
        text = text.replace(value, "")
    return {word for word in words if word in text}

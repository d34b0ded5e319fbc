"""The inbox as its HTML tells it."""

import re
from typing import Any

from tags.models import FlowExecution
from tests.cast import Tenant, operation
from tests.clients import Client


def desk(tenant: Tenant, who: str = "reviewer") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(getattr(tenant, who))
    return client


def page(tenant: Tenant, query: str = "", who: str = "reviewer") -> str:
    response = desk(tenant, who).get(f"/{query}")
    assert response.status_code == 200, response.content[:2000]
    return str(response.content.decode())


def listed(html: str) -> list[str]:
    return re.findall(r'data-task="([^"]*)"', html)


def names(tenant: Tenant, query: str = "") -> list[str]:
    return listed(page(tenant, query))


def figures(html: str) -> dict[str, str]:
    """Of the choices: name and how many."""
    found = re.findall(r'<span class="name[^>]*>([^<]*)</span>\s*<span class="figure">([^<]*)</span>', html)
    return dict(found)


def total(html: str) -> str:
    found = re.search(r'<span id="total"[^>]*>([^<]*)</span>', html)
    return found[1] if found else ""


def wait(
    tenant: Tenant, *task_names: str, tag: str = "pending_approval", flow: str = "invoices", **more: Any
) -> FlowExecution:
    execution = tenant.execution(*task_names, flow_name=flow)
    tenant.api().tag(*(operation("add", execution, name, tag, **more) for name in task_names))
    return execution


def next_page(html: str) -> str | None:
    found = re.search(r'<p id="more"(?:(?!</p>).)*href="([^"]*)"', html, re.DOTALL)
    return found[1].replace("&amp;", "&") if found else None


def every_page(tenant: Tenant, query: str = "") -> list[str]:
    seen = []
    following: str | None = query
    while following is not None:
        html = page(tenant, following)
        seen += listed(html)
        following = next_page(html)
    return seen


def many(tenant: Tenant, count: int) -> FlowExecution:
    execution = tenant.execution(*(f"task {number:03}" for number in range(count)))
    every = [operation("add", execution, f"task {number:03}", "pending_approval") for number in range(count)]
    for start in range(0, count, 100):
        tenant.api().tag(*every[start : start + 100])
    return execution

"""Parts of a task's values: what the page left out at first, and the whole as JSON."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tags.actions.credentials import Caller
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import FlowExecution, TaskExecution
from tags.review import typed_json
from tags.review.access import desk, page_of
from tags.review.values import at, read_path, show

# What people may look at of a record, by the name in the path.
_OF_TASK = ("input", "output", "error")


@require_safe
@page_of()
def task_value(request: HttpRequest, caller: Caller, id: UUID, name: str) -> HttpResponse:
    return _value(request, caller, _of_task(caller, id, name), f"/tasks/{id}/values/{name}")


@require_safe
@page_of()
def run_value(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    return _value(request, caller, _of_run(caller, id), f"/runs/{id}/input")


def _of_task(caller: Caller, id: UUID, name: str) -> list[Any]:
    """The value alone in a list, or nothing."""
    if name not in _OF_TASK:
        return []
    with in_organization(caller.organization_id):
        records = TaskExecution.objects.in_organization(caller.organization_id).of_live_executions()
        return list(records.filter(id=id).values_list(name, flat=True))


def _of_run(caller: Caller, id: UUID) -> list[Any]:
    with in_organization(caller.organization_id):
        executions = FlowExecution.objects.in_organization(caller.organization_id).not_deleted()
        return list(executions.filter(id=id).values_list("input", flat=True))


def _value(request: HttpRequest, caller: Caller, found: list[Any], values_path: str) -> HttpResponse:
    """The whole as JSON text with `raw`; else what stands at a place (`at`), from a member or character (`from`) on."""
    if not found:
        raise NotFound("Not found")
    if "raw" in request.GET:
        return HttpResponse(typed_json.pretty(found[0]), content_type="application/json; charset=utf-8")
    try:
        path = read_path(request.GET.get("at", "[]"))
        first = int(request.GET.get("from", "0"))
        value = at(found[0], path)
    except (ValueError, LookupError, RecursionError):
        raise NotFound("Not found") from None
    shown = show(value, path, max(0, first))
    context = {"value": shown, "values_path": values_path, "is_part": first > 0}
    if request.headers.get("HX-Request"):
        return render(request, "review/value_part.html", context)
    return desk(request, caller, "review/value_page.html", context)

"""`/tasks/<id>/correct`: a person corrects what a task put out. Plain forms; nobody's version is ever lost."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tags.actions.credentials import Caller
from tags.actions.task_executions import correct_task_execution
from tags.db.tenancy import in_organization
from tags.errors import Conflict, NotFound
from tags.events.reading import current_position
from tags.models import Permission, TaskExecution
from tags.review import typed_json
from tags.review.access import desk, page_of
from tags.review.difference import Line, difference
from tags.review.people import people
from tags.review.task import find, task_path


@dataclass(slots=True)
class Draft:
    """What the person has typed, and which version of the record they saw when they began."""

    text: str
    seen: str
    execute_flow: bool = False
    problem: typed_json.NotJSON | None = None
    difference: list[Line] | None = None
    is_compared: bool = False
    is_conflict: bool = False
    stored: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@require_http_methods(["GET", "HEAD", "POST"])
@page_of(Permission.CORRECT)
def correct(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    with in_organization(caller.organization_id):
        record = find(caller, id)
    if record is None:
        raise NotFound("Not found")
    if request.method != "POST":
        return _page(request, caller, record, Draft(typed_json.pretty(record.output), seen_mark(record)))
    draft = Draft(request.POST.get("output", ""), request.POST.get("seen", ""), "execute_flow" in request.POST)
    try:
        output = typed_json.read(draft.text)
        seen = _read_mark(draft.seen)
    except typed_json.NotJSON as error:
        draft.problem = error
        return _page(request, caller, record, draft, status=422)
    if "save" not in request.POST:
        return _compare(request, caller, record, draft, output)
    try:
        correct_task_execution(
            caller.organization_id,
            caller.actor,
            id,
            {"output": output},
            seen={"updated_at": seen},
            execute_flow=draft.execute_flow,
        )
    except Conflict:
        return _conflict(request, caller, id, draft, output)
    return HttpResponseRedirect(f"{task_path(id)}?corrected=1")


def seen_mark(record: TaskExecution) -> str:
    """Which version of the record it is, for the form to bring back."""
    return record.updated_at.isoformat() if record.updated_at else "never"


def _read_mark(mark: str) -> datetime | None:
    try:
        return None if mark == "never" else datetime.fromisoformat(mark)
    except ValueError:
        raise typed_json.NotJSON(_("The form is not complete; load the page again.")) from None


def _compare(request: HttpRequest, caller: Caller, record: TaskExecution, draft: Draft, output: Any) -> HttpResponse:
    draft.is_compared = True
    draft.difference = difference(typed_json.pretty(record.output), typed_json.pretty(output))
    return _page(request, caller, record, draft)


def _conflict(request: HttpRequest, caller: Caller, id: UUID, draft: Draft, output: Any) -> HttpResponse:
    """Both versions, and the way to save one's own over the other, now that it has been seen."""
    with in_organization(caller.organization_id):
        record = find(caller, id)
        if record is None:
            raise NotFound("Not found")
        who = people(caller, [record.modified_by])[record.modified_by]
    draft.is_conflict = True
    draft.seen = seen_mark(record)
    draft.stored = typed_json.pretty(record.output)
    draft.difference = difference(draft.stored, typed_json.pretty(output))
    draft.extra = {"who": who, "when": record.updated_at}
    return _page(request, caller, record, draft, status=409)


def _page(request: HttpRequest, caller: Caller, record: TaskExecution, draft: Draft, status: int = 200) -> HttpResponse:
    with in_organization(caller.organization_id):
        position = current_position(caller.organization_id)
    context = {
        "position": position,
        "is_changed": not draft.is_conflict and draft.seen != seen_mark(record),
        "record": record,
        "execution": record.flow_execution,
        "draft": draft,
        "section": "inbox",
        "is_too_large": len(draft.text) > typed_json.LONGEST,
        "rows": min(30, max(8, draft.text.count("\n") + 2)),
        **draft.extra,
    }
    response = desk(request, caller, "review/correct.html", context)
    response.status_code = status
    return response

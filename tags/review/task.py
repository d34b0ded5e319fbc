"""`/tasks/<id>`: one run of a task with all that a person needs to decide about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tags.actions import decisions
from tags.actions.batch import Operation, OperationKind
from tags.actions.credentials import Caller
from tags.db.tenancy import in_organization, pipeline
from tags.errors import NotFound, TagsiteError
from tags.events.reading import current_position
from tags.models import Permission, TaskExecution, TaskTag
from tags.models.tag import TAG_LENGTH, TAG_TYPE_LENGTH
from tags.review import typed_json
from tags.review.access import desk, page_of
from tags.review.errors_shown import show_error
from tags.review.history import history, tag_look
from tags.review.inbox_filter import Filter
from tags.review.people import Who, people
from tags.review.queue import Place, place_of
from tags.review.values import inline, show
from tags.review.words import duration_text, split_name

MOST_RUNS = 100
MOST_TAGS = 200
_LONGEST_QUEUE = 2_000
_LONGEST_METADATA = 2_000
_LONGEST_FACTS = 300
_MOST_FACTS = 6


@dataclass(slots=True)
class ShownTag:
    record: TaskTag
    who: Who
    look: str
    note: str
    # Small metadata by its names, any other as JSON.
    facts: list[tuple[str, str]]
    metadata: str


@dataclass(slots=True)
class TagForm:
    """What was typed into the form for a new tag, with what is wrong with it."""

    tag: str = ""
    tag_type: str = decisions.REVIEW
    metadata: str = ""
    problems: list[str] = field(default_factory=list)


@require_safe
@page_of()
def task(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    return _page(request, caller, id, TagForm())


@require_safe
@page_of()
def task_history(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    """What was before a position: the rest of the list, for the page to add."""
    before = request.GET.get("before", "")
    if not before.isascii() or not before.isdigit() or len(before) > 18:
        raise NotFound("Not found")
    with in_organization(caller.organization_id):
        record = find(caller, id)
        if record is None:
            raise NotFound("Not found")
        waiting = decisions.waiting_tags(caller.organization_id)
        events = history(caller, record.flow_execution_id, record.task_name, waiting, int(before))
    context = {"record": record, "history": events}
    if request.headers.get("HX-Request"):
        return render(request, "review/history.html", context)
    return desk(request, caller, "review/history_page.html", context)


@require_POST
@page_of(Permission.TAG)
def change_tag(request: HttpRequest, caller: Caller, id: UUID) -> HttpResponse:
    """Add a tag or remove one; the page comes back with a way to undo it, or with what was wrong."""
    with in_organization(caller.organization_id):
        record = find(caller, id)
    if record is None:
        raise NotFound("Not found")
    form = TagForm()
    try:
        if "remove" in request.POST:
            operation: Operation | None = _removal(caller, record, request.POST["remove"])
        else:
            form.tag, form.tag_type = request.POST.get("tag", "").strip(), request.POST.get("tag_type", "").strip()
            form.metadata = request.POST.get("metadata", "").strip()
            operation = _addition(record, form)
        if operation is None:
            return _page(request, caller, id, form, status=422)
        decided = decisions.change_tags(caller, [operation])
    except TagsiteError as error:
        form.problems.append(error.message)
        return _page(request, caller, id, form, status=error.status)
    query = [*queue_query(request)]
    if decided.changed:
        query.append(("did", str(decided.group_id)))
    return HttpResponseRedirect(f"{reverse('task', args=[id])}?{urlencode(query)}" if query else task_path(id))


def find(caller: Caller, id: UUID) -> TaskExecution | None:
    """The record, if it is of this organization and its flow execution is not deleted. Inside `in_organization`."""
    records = TaskExecution.objects.in_organization(caller.organization_id).of_live_executions()
    record: TaskExecution | None = records.filter(id=id).defer("claims").select_related("flow_execution__flow").first()
    return record


def task_path(id: UUID) -> str:
    return reverse("task", args=[id])


def queue_query(request: HttpRequest) -> list[tuple[str, str]]:
    """The inbox's filters that the person came with, to be handed on from task to task."""
    queue = request.GET.get("queue", "")
    return [("queue", queue)] if queue and len(queue) <= _LONGEST_QUEUE else []


def duration(started: datetime | None, ended: datetime | None) -> timedelta | None:
    return ended - started if started and ended and ended >= started else None


def _page(request: HttpRequest, caller: Caller, id: UUID, form: TagForm, status: int = 200) -> HttpResponse:
    with pipeline(), in_organization(caller.organization_id):
        record = find(caller, id)
        if record is None:
            raise NotFound("Not found")
        queue = queue_query(request)
        context = _context(caller, record, (Filter.of_query(queue[0][1]) if queue else None) or Filter())
    context |= {
        "form": form,
        "queue_suffix": f"?{urlencode(queue)}" if queue else "",
        "inbox_suffix": f"?{urlencode(parse_qsl(queue[0][1]))}" if queue else "",
        "section": "inbox",
        "error": show_error(record.error),
        "values": [
            ("input", _("Input"), show(record.input), record.input is not None),
            ("output", _("Output"), show(record.output), record.output is not None),
        ],
        "duration": duration_text(duration(record.started_at, record.completed_at)),
        "name": split_name(record.task_name),
    }
    response = desk(request, caller, "review/task.html", context)
    response.status_code = status
    return response


def _context(caller: Caller, record: TaskExecution, wanted: Filter) -> dict[str, Any]:
    """Inside `in_organization`. A fixed number of statements."""
    organization_id, execution_id = caller.organization_id, record.flow_execution_id
    waiting = decisions.waiting_tags(organization_id)
    # Before all else, so that the page hears again of what it may just have missed.
    position = current_position(organization_id)
    runs = TaskExecution.objects.in_organization(organization_id).filter(
        flow_execution_id=execution_id, task_name=record.task_name
    )
    records = TaskTag.objects.in_organization(organization_id).filter(
        flow_execution_id=execution_id, task_name=record.task_name
    )
    tags = list(records.order_by("created_at", "id")[: MOST_TAGS + 1])
    names = people(caller, [record.modified_by, *(tag.modified_by for tag in tags)])
    place = place_of(organization_id, (execution_id, record.task_name), waiting, wanted)
    shown = [_shown_tag(tag, names[tag.modified_by], waiting) for tag in tags[:MOST_TAGS]]
    ordered = list(runs.order_by("task_execution_idx").values("id", "task_execution_idx", "processing_status"))
    number = next(n for n, run in enumerate(ordered, start=1) if run["id"] == record.id)
    return {
        "record": record,
        "execution": record.flow_execution,
        "position": position,
        "tags": shown,
        "tags_left_out": len(tags) > MOST_TAGS,
        "verdict": next((tag for tag in shown if tag.look in ("approved", "rejected")), None),
        "is_waiting": any(tag.look == "waits" for tag in shown),
        "modified_by": names[record.modified_by],
        "runs": ordered[:MOST_RUNS] if len(ordered) > 1 else [],
        "run_count": len(ordered),
        "run_number": number,
        "newest_run": ordered[-1] if number < len(ordered) else None,
        "history": history(caller, execution_id, record.task_name, waiting),
        **_places(place, wanted),
    }


def _places(place: Place, wanted: Filter) -> dict[str, Any]:
    return {
        "place": place,
        "is_waiting_list": not wanted.is_narrowed and not wanted.shows_all,
        "next_path": task_path(place.next_id) if place.next_id else "",
        "previous_path": task_path(place.previous_id) if place.previous_id else "",
    }


def _shown_tag(tag: TaskTag, who: Who, waiting: list[str]) -> ShownTag:
    metadata, note = tag.tag_metadata, ""
    if isinstance(metadata, dict) and isinstance(metadata.get("note"), str):
        note = metadata["note"]
        metadata = {name: value for name, value in metadata.items() if name != "note"} or None
    facts = _facts(metadata)
    text = "" if metadata is None or facts else typed_json.pretty(metadata)
    if len(text) > _LONGEST_METADATA:
        text = text[:_LONGEST_METADATA] + "…"
    return ShownTag(tag, who, tag_look(tag.tag, tag.tag_type, waiting), note, facts, text)


def _facts(metadata: Any) -> list[tuple[str, str]]:
    """Of a small object; else none."""
    if not isinstance(metadata, dict) or not 0 < len(metadata) <= _MOST_FACTS:
        return []
    facts = [(name, inline(value, _LONGEST_FACTS)) for name, value in metadata.items()]
    return facts if sum(len(name) + len(text) for name, text in facts) <= _LONGEST_FACTS else []


def _addition(record: TaskExecution, form: TagForm) -> Operation | None:
    """None if something is wrong, which the form then tells."""
    for value, longest, message in (
        (form.tag, TAG_LENGTH, _("A tag has 1 to %(longest)s characters.")),
        (form.tag_type, TAG_TYPE_LENGTH, _("A tag type has 1 to %(longest)s characters.")),
    ):
        if not 1 <= len(value) <= longest or "\x00" in value:
            form.problems.append(message % {"longest": longest})
    metadata = None
    if form.metadata:
        try:
            metadata = typed_json.read(form.metadata)
        except typed_json.NotJSON as error:
            form.problems.append(_("The metadata is not JSON. %(problem)s") % {"problem": error})
    if form.problems:
        return None
    return Operation(OperationKind.ADD, record.flow_execution_id, record.task_name, form.tag, form.tag_type, metadata)


def _removal(caller: Caller, record: TaskExecution, tag_id: str) -> Operation:
    """Raises NotFound if it is not on the task any more."""
    try:
        id = UUID(tag_id)
    except ValueError:
        raise NotFound(_("That tag is not there any more.")) from None
    with in_organization(caller.organization_id):
        tag: TaskTag | None = (
            TaskTag.objects.in_organization(caller.organization_id)
            .filter(id=id, flow_execution_id=record.flow_execution_id, task_name=record.task_name)
            .first()
        )
    if tag is None:
        raise NotFound(_("That tag is not there any more."))
    return Operation(
        OperationKind.REMOVE, tag.flow_execution_id, tag.task_name, tag.tag, tag.tag_type, tag.tag_metadata
    )

"""`/`: the tasks that wait for a person. The page's script is tags/static/tags/inbox.js."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel, Field

from tags.actions.credentials import Caller
from tags.actions.decisions import MOST_NOTE, MOST_TASKS, waiting_tags
from tags.db import exact_json
from tags.db.tenancy import in_organization
from tags.errors import BadRequest
from tags.events.reading import current_position
from tags.models import TaskTag
from tags.review.access import desk, page_of
from tags.review.decisions import TagName, TagType, TaskRef, read
from tags.review.inbox_choices import Choices
from tags.review.inbox_filter import Filter, FilterForm
from tags.review.inbox_query import MOST_SELECTED, SEARCHED, InboxQuery, Page
from tags.review.inbox_rows import rows
from tags.review.inbox_words import words
from tags.review.people import people


@require_safe
@page_of()
def inbox(request: HttpRequest, caller: Caller) -> HttpResponse:
    form = FilterForm(request.GET)
    wanted = Filter(**form.cleaned_data) if form.is_valid() else None
    with in_organization(caller.organization_id):
        after = current_position(caller.organization_id)  # first: what is then read is not older
        waiting = waiting_tags(caller.organization_id)
        query = InboxQuery(caller.organization_id, waiting, wanted or Filter())
        page = query.page() if wanted else Page([], None, None)
        counts = query.counts()
        actors = {tag["modified_by"] for _key, details in page.rows for tag in details.tags}
        actors.update(actor for group in counts.groups for actor in group.actors)
        names = people(caller, actors)
    choices = Choices(wanted or Filter(), waiting, counts, page)
    context = {
        "section": "inbox",
        "form": form,
        "filter": wanted or Filter(),
        "rows": rows(page, names, set(waiting)),
        "next": wanted.query(cursor=str(page.next)) if wanted and page.next else None,
        "searched": page.searched,
        "choices": choices,
        "actors": choices.actors(names),
        "waiting": waiting,
        "waiting_json": exact_json.dumps(waiting),
        "after": after,
        "actor": str(caller.actor),
        "most_note": MOST_NOTE,
        "words": {**words(), "most": SEARCHED if wanted and wanted.q else MOST_SELECTED},
    }
    return desk(request, caller, "review/inbox.html", context)


@require_safe
@page_of()
def matching(request: HttpRequest, caller: Caller) -> JsonResponse:
    """All tasks that match a filter, for "select all"; `more` if there are more than may be selected at once."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        raise BadRequest("; ".join(str(message) for messages in form.errors.values() for message in messages))
    with in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        tasks, more = InboxQuery(caller.organization_id, waiting, Filter(**form.cleaned_data)).matching()
    found = [{"flow_execution_id": str(task[0]), "task_name": task[1]} for task in tasks]
    return JsonResponse({"tasks": found, "more": more})


class TagsOf(BaseModel):
    tasks: list[TaskRef] = Field(min_length=1, max_length=MOST_TASKS)
    tag: TagName
    tag_type: TagType


@require_POST
@page_of()
def tags_of(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The tags of this name that are on the tasks, each with its metadata, without which it cannot be removed."""
    wanted = read(TagsOf, request)
    tasks = {(task.flow_execution_id, task.task_name) for task in wanted.tasks}
    with in_organization(caller.organization_id):
        tags = TaskTag.objects.in_organization(caller.organization_id).filter(
            flow_execution_id__in={id for id, _name in tasks},
            task_name__in={name for _id, name in tasks},
            tag=wanted.tag,
            tag_type=wanted.tag_type,
        )
        found = list(tags.values("flow_execution_id", "task_name", "tag", "tag_type", "tag_metadata")[:1000])
    of_tasks = [tag for tag in found if (tag["flow_execution_id"], tag["task_name"]) in tasks]
    return HttpResponse(exact_json.dumps({"tags": of_tasks}), content_type="application/json")

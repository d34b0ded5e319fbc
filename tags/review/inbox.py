"""`/`: the tasks that wait for a person. The page's script is tags/static/tags/inbox.js."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe
from pydantic import BaseModel, Field

from tags.actions.credentials import Caller
from tags.actions.decisions import MOST_NOTE, MOST_TASKS, waiting_tags
from tags.actions.saved_views import seen_views
from tags.db import exact_json
from tags.db.tenancy import in_organization, pipeline
from tags.errors import BadRequest
from tags.events.reading import current_position
from tags.models import Permission, TaskTag
from tags.review.access import desk, page_of
from tags.review.decisions import TagName, TagType, TaskRef, read
from tags.review.inbox_choices import Choices
from tags.review.inbox_filter import Filter, FilterForm
from tags.review.inbox_query import InboxQuery, Page
from tags.review.inbox_rows import Rows
from tags.review.inbox_tabs import Tabs
from tags.review.inbox_words import words
from tags.review.people import Who, people


@require_safe
@page_of()
def inbox(request: HttpRequest, caller: Caller) -> HttpResponse:
    query_string = request.META.get("QUERY_STRING", "")
    if request.headers.get("X-Part") == "list":
        return _part(request, caller, query_string)
    return show_inbox(request, caller, query_string)


def show_inbox(
    request: HttpRequest, caller: Caller, query_string: str, problem: str = "", status: int = 200
) -> HttpResponse:
    """The list that a query string asks for; with what was wrong about a saved view, if anything was."""
    form, asked = _asked(query_string)
    wanted = asked or Filter()
    with pipeline(), in_organization(caller.organization_id):
        after = current_position(caller.organization_id)  # first: what is then read is not older
        waiting = waiting_tags(caller.organization_id)
        query = InboxQuery(caller.organization_id, waiting, wanted)
        page = query.page() if asked else Page([])
        counts = query.counts()
        views = list(seen_views(caller))
        actors = {actor for group in counts.groups for actor in group.actors} | {str(view.user_id) for view in views}
        names = people(caller, actors | _actors(page))
    choices = Choices(wanted, waiting, counts, page)
    context = {
        "section": "inbox",
        "form": form,
        "tabs": Tabs(caller, views, wanted, names),
        "problem": problem,
        "choices": choices,
        "actors": choices.actors(names),
        "waiting": waiting,
        "waiting_json": exact_json.dumps(waiting),
        "after": after,
        "actor": str(caller.actor),
        "most_note": MOST_NOTE,
        "words": words(),
        **_list(page, wanted, names, waiting),
    }
    response = desk(request, caller, "review/inbox.html", context)
    response.status_code = status
    return response


def _part(request: HttpRequest, caller: Caller, query_string: str) -> HttpResponse:
    """Of a further page the list alone, for the page's script."""
    form, asked = _asked(query_string)
    wanted = asked or Filter()
    with pipeline(), in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        page = InboxQuery(caller.organization_id, waiting, wanted).page() if asked else Page([])
        names = people(caller, _actors(page))
    may_decide = Permission.TAG in caller.permissions
    context = {"form": form, "waiting": waiting, "may_decide": may_decide, **_list(page, wanted, names, waiting)}
    return render(request, "review/inbox_list.html", context)


def _asked(query_string: str) -> tuple[FilterForm, Filter | None]:
    """None if it is not understood, which the form then tells."""
    form = FilterForm(QueryDict(query_string.removeprefix("?")))
    return form, Filter(**form.cleaned_data) if form.is_valid() else None


def _actors(page: Page) -> set[str]:
    return {tag["modified_by"] for _key, details in page.rows for tag in details.tags}


def _list(page: Page, wanted: Filter, names: Mapping[str, Who], waiting: list[str]) -> dict[str, Any]:
    """What the list's template needs."""
    return {
        "filter": wanted,
        "page": page,
        "rows": Rows(names, set(waiting), wanted).rows(page),
        "next": wanted.query(cursor=str(page.next)) if page.next else None,
    }


@require_safe
@page_of()
def matching(request: HttpRequest, caller: Caller) -> JsonResponse:
    """All tasks that match a filter, for "select all"; `more` if there are more than may be selected at once."""
    form, asked = _asked(request.META.get("QUERY_STRING", ""))
    if asked is None:
        raise BadRequest("; ".join(str(message) for messages in form.errors.values() for message in messages))
    with in_organization(caller.organization_id):
        waiting = waiting_tags(caller.organization_id)
        tasks, more = InboxQuery(caller.organization_id, waiting, asked).matching()
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

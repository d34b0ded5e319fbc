"""All pages of the product, taken from its URLs, so that none is forgotten."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.urls import URLPattern, get_resolver, reverse

from tags import admin
from tags.db.tenancy import in_organization
from tags.models import TaskExecution
from tests.cast import Tenant

# Parts of pages, downloads, and what is only sent to.
NO_PAGES = {
    "activity-changes",
    "activity-news",
    "change-tag",
    "change-tags",
    "change-theme",
    "change-view",
    "create-view",
    "decide",
    "delete-view",
    "inbox-matching",
    "inbox-tags",
    "insights-file",
    "log-out",
    "palette",
    "people",
    "replace-view",
    "run-value",
    "task-history",
    "task-value",
    "undo",
    "view-counts",
    "work-in",
}
# Shown to who is not logged in, with what their paths hold: here a link that is not good any more.
BEFORE_LOG_IN: dict[str, list[str]] = {
    "log-in": [],
    "new-password": ["x", "x"],
    "reset-done": [],
    "reset-password": [],
    "reset-sent": [],
}

# Layout Instability (web.dev/cls), of what moved without the person having done anything.
WATCH_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) {
            if (!entry.hadRecentInput) {
                window.shifts.push(entry.sources.map(source => source.node?.outerHTML?.slice(0, 100)).join());
            }
        }
    }).observe({type: "layout-shift", buffered: true});
"""


def page_names() -> set[str]:
    """The named paths beside the API and the admin."""
    patterns = get_resolver().url_patterns
    inner = [pattern for part in patterns if _is_desk(part) for pattern in part.url_patterns]
    names = {pattern.name for pattern in [*patterns, *inner] if isinstance(pattern, URLPattern) and pattern.name}
    return names - NO_PAGES - {"traces"}


def _is_desk(part: Any) -> bool:
    return not isinstance(part, URLPattern) and str(part.pattern) == ""


def pages_before_log_in() -> dict[str, str]:
    return {name: reverse(name, args=held) for name, held in BEFORE_LOG_IN.items()}


def desk_pages(task: TaskExecution) -> dict[str, str]:
    """Each page of the desk at this task, by name."""
    ids: dict[str, UUID] = {"run": task.flow_execution_id, "task": task.id, "correct": task.id}
    names = sorted(page_names() - set(BEFORE_LOG_IN))
    return {name: reverse(name, args=[ids[name]] if name in ids else []) for name in names}


def admin_pages(tenant: Tenant) -> dict[str, str]:
    """The admin's index, and of each model its list, its form for a new one, and its newest object's pages."""
    return {"admin": "/admin/", **dict(_of_models(tenant))}


def _of_models(tenant: Tenant) -> Iterator[tuple[str, str]]:
    for model in admin.site._registry:
        name = model._meta.model_name
        yield f"{name} list", reverse(f"admin:tags_{name}_changelist")
        yield f"{name} add", reverse(f"admin:tags_{name}_add")
        with in_organization(tenant.id):
            newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None:
            yield f"{name} change", reverse(f"admin:tags_{name}_change", args=[newest])
            yield "history", reverse(f"admin:tags_{name}_history", args=[newest])  # alike for all

"""The API's paths. A slash at the end is allowed: tags.middleware takes it off."""

from uuid import UUID

from csp.constants import SELF
from csp.decorators import csp_replace
from django.urls import URLPattern, URLResolver, path, re_path, register_converter
from drf_spectacular.views import SpectacularSwaggerSplitView

from tags.api import (
    document,
    events,
    flow_executions,
    lineage,
    members,
    service_accounts,
    task_executions,
    task_tags,
    tokens,
    ws_tickets,
)
from tags.api.error_body import not_found


class IdConverter:
    """A UUID, its letters of either case (RFC 9562, section 4); Django's own takes small ones alone."""

    regex = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> UUID:
        return UUID(value)

    def to_url(self, value: UUID) -> str:
        return str(value)


register_converter(IdConverter, "id")

urlpatterns: list[URLPattern | URLResolver] = [
    path("task-tags", task_tags.TaskTagsView.as_view(), name="task-tags"),
    path("task-tags/wait", task_tags.TaskTagsWaitView.as_view(), name="task-tags-wait"),
    path("task-executions", task_executions.TaskExecutionsView.as_view(), name="task-executions"),
    path("task-executions/<id:record_id>", task_executions.TaskExecutionView.as_view(), name="task-execution"),
    path("flow-executions", flow_executions.FlowExecutionsView.as_view(), name="flow-executions"),
    path("flow-executions/<id:execution_id>", flow_executions.FlowExecutionView.as_view(), name="flow-execution"),
    path(
        "flow-executions/<id:execution_id>/status",
        flow_executions.FlowExecutionStatusView.as_view(),
        name="flow-execution-status",
    ),
    path("v1/lineage", lineage.LineageView.as_view(), name="lineage"),
    path("events", events.EventsView.as_view(), name="events"),
    path("events/seal", events.SealView.as_view(), name="seal"),
    path("ws-tickets", ws_tickets.WsTicketsView.as_view(), name="ws-tickets"),
    path("service-accounts", service_accounts.ServiceAccountsView.as_view(), name="service-accounts"),
    path("service-accounts/<id:account_id>", service_accounts.ServiceAccountView.as_view(), name="service-account"),
    path("service-accounts/<id:account_id>/api-keys", service_accounts.ApiKeysView.as_view(), name="api-keys"),
    path(
        "service-accounts/<id:account_id>/api-keys/<id:key_id>", service_accounts.ApiKeyView.as_view(), name="api-key"
    ),
    path("members", members.MembersView.as_view(), name="members"),
    path("members/<id:member_id>", members.MemberView.as_view(), name="member"),
    path("auth/token", tokens.TokenView.as_view(), name="token"),
    path("auth/token/refresh", tokens.TokenRefreshView.as_view(), name="token-refresh"),
    path("profile/me", tokens.ProfileView.as_view(), name="profile"),
    path("schema", document.DocumentView.as_view(), name="schema"),
    path(
        "docs",
        csp_replace({"script-src": [SELF]})(
            SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"])
        ),
        name="docs",
    ),
    re_path(r"", not_found),
]

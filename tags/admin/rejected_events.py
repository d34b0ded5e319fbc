"""What producers sent that could not be taken, in the admin: to read, and to try again."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import EmptyFieldListFilter, action, display, register
from django.http import HttpRequest
from django.utils.html import format_html

from tags.admin.rules import pretty
from tags.admin.site import TenantAdmin, caller_of, site
from tags.ingest.replay import MOST_AT_ONCE, try_again
from tags.models import RejectedEvent


@register(RejectedEvent, site=site)
class RejectedEventAdmin(TenantAdmin):
    list_display = ("received_at", "source", "code", "short_reason", "taken_at")
    list_filter = ("source", "code", ("taken_at", EmptyFieldListFilter))
    search_fields = ("code", "reason", "request_id")
    ordering = ("-received_at", "-id")
    show_full_result_count = False
    actions = ("try_again",)
    fields = readonly_fields = ("received_at", "source", "code", "reason", "request_id", "taken_at", "sent")

    class Media:
        css = {"all": ["tags/admin.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    @display(description="reason", ordering="reason")
    def short_reason(self, event: RejectedEvent) -> str:
        return event.reason if len(event.reason) <= 120 else f"{event.reason[:119]}…"

    @display(description="what was sent")
    def sent(self, event: RejectedEvent) -> str:
        if event.body is None:
            return "It was too large to keep."
        return format_html('<pre class="sent">{}</pre>', pretty(event.body))

    @action(description="Try again")
    def try_again(self, request: HttpRequest, queryset: Any) -> None:
        ids = list(queryset.order_by("received_at").values_list("id", flat=True)[: MOST_AT_ONCE + 1])
        tried = try_again(caller_of(request).organization_id, caller_of(request).actor, ids)
        counts = (
            (tried.taken, "taken"),
            (tried.refused, "refused again, for the reason now listed"),
            (tried.left, "left as they were: taken already, or too large to have been kept"),
        )
        words = "; ".join(f"{count} {what}" for count, what in counts if count)
        level = messages.WARNING if tried.refused or tried.left else messages.SUCCESS
        self.message_user(request, f"{words or 'None'}.", level)
        if len(ids) > MOST_AT_ONCE:
            self.message_user(request, f"The oldest {MOST_AT_ONCE} were tried; choose the others again.")

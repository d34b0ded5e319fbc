"""What producers sent that could not be taken, in the admin: to read, and to try again."""

from typing import Any

from django.contrib.admin import action, display, register
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tags.admin import shown
from tags.admin.listing import HappenedFilter
from tags.admin.site import caller_of, site
from tags.admin.tenant import TenantAdmin
from tags.ingest.replay import MOST_AT_ONCE, try_again
from tags.models import RejectedEvent


@register(RejectedEvent, site=site)
class RejectedEventAdmin(TenantAdmin):
    has_log = False
    list_display = (
        shown.moment("received_at", _("received")),
        "source",
        "code_link",
        "short_reason",
        shown.moment("taken_at", _("taken")),
    )
    list_filter = ("source", ("taken_at", HappenedFilter))
    linked_by = ("code",)
    search_fields = ("code", "reason", "request_id")
    date_hierarchy = "received_at"
    ordering = ("-received_at", "-id")
    actions = object_actions = ("try_again",)
    fields = (
        shown.moment("received_at", _("received")),
        "source",
        "code",
        "reason",
        "request_id",
        shown.moment("taken_at", _("taken")),
        "sent",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")

    @display(description=_("code"))
    def code_link(self, event: RejectedEvent) -> str:
        return shown.list_link("rejectedevent", event.code, code=event.code)

    @display(description=_("reason"))
    def short_reason(self, event: RejectedEvent) -> str:
        return event.reason if len(event.reason) <= 120 else f"{event.reason[:119]}…"

    @display(description=_("what was sent"))
    def sent(self, event: RejectedEvent) -> Any:
        return _("It was too large to keep.") if event.body is None else shown.json_block(event.body)

    @action(description=_("Try again"))
    def try_again(self, request: HttpRequest, queryset: Any) -> None:
        ids = list(queryset.order_by("received_at").values_list("id", flat=True)[: MOST_AT_ONCE + 1])
        tried = try_again(caller_of(request).organization_id, caller_of(request).actor, ids)
        counts = (
            (tried.taken, _("%(count)d taken.")),
            (tried.refused, _("%(count)d refused again, for the reason now listed.")),
            (tried.left, _("%(count)d left as they were: taken already, or too large to have been kept.")),
        )
        words = " ".join(str(sentence) % {"count": count} for count, sentence in counts if count)
        self.tell(request, words or _("None."), is_good=not (tried.refused or tried.left))
        if len(ids) > MOST_AT_ONCE:
            words = gettext("The oldest %(count)d were tried; choose the others again.")
            self.message_user(request, words % {"count": MOST_AT_ONCE})

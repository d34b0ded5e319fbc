"""Django's log of what admins did: one table for all organizations, without policies.

So what goes into it says who did what to which id and which fields were changed, never a title or a value; and ids are
kept with the organization.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_noop

from tags.admin.site import caller_of

# Kept in English, as Django keeps its own; `told` puts it in the language of who reads it.
REVOKED = gettext_noop("Revoked.")


def write_log(request: HttpRequest, records: Iterable[Model], flag: int, message: Any) -> list[LogEntry]:
    return [
        LogEntry.objects.create(
            user_id=UUID(str(request.user.pk)),
            content_type=get_content_type_for_model(record),
            object_id=_logged_id(request, record),
            object_repr="",
            action_flag=flag,
            change_message=json.dumps(message) if isinstance(message, list) else message,
        )
        for record in records
    ]


def log_of(request: HttpRequest, record: Model) -> Any:
    """What admins did to the record, newest first."""
    entries = LogEntry.objects.filter(
        content_type=get_content_type_for_model(record), object_id=_logged_id(request, record)
    )
    return entries.select_related("user").order_by("-action_time", "-id")


def told(entries: Iterable[LogEntry]) -> list[LogEntry]:
    entries = list(entries)
    for entry in entries:
        if entry.change_message == REVOKED:
            entry.change_message = gettext(REVOKED)
    return entries


def _logged_id(request: HttpRequest, record: Model) -> str:
    return f"{caller_of(request).organization_id}/{record.pk}"

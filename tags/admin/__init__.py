"""Django's admin, for the admins of an organization: each sees and changes what is their organization's.

No person stands above organizations: superuser and staff flags open nothing here. Nothing here saves: what may be
changed is changed by an action, as everywhere.
"""

from tags.admin import (
    api_keys,
    bookkeeping,
    decisions,
    members,
    organizations,
    rejected_events,
    rules,
    runs,
    saved_views,
    service_accounts,
    stream,
    task_tags,
)
from tags.admin.site import site

__all__ = [
    "api_keys",
    "bookkeeping",
    "decisions",
    "members",
    "organizations",
    "rejected_events",
    "rules",
    "runs",
    "saved_views",
    "service_accounts",
    "site",
    "stream",
    "task_tags",
]

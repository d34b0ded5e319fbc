"""Django's admin, for the admins of an organization: each sees and changes what is their organization's.

No person stands above organizations: superuser and staff flags open nothing here.
"""

from tags.admin import rejected_events, rules
from tags.admin.site import site

__all__ = ["rejected_events", "rules", "site"]

"""Saved views of the inbox: a filter that a person has given a name."""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tags.models.access import User
from tags.models.tenant import TenantModel, TenantQuerySet

VIEW_NAME_LENGTH = 60
VIEW_QUERY_LENGTH = 4_000


class SavedViewQuerySet(TenantQuerySet):
    def seen_by(self, user_id: UUID) -> Self:
        """A person's own ones, and those that the organization shares."""
        return self.filter(Q(user_id=user_id) | Q(is_shared=True))


class SavedView(TenantModel):
    """`query` is the inbox's query string (tags/review/inbox_filter.py), without a page."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(_("name"), max_length=VIEW_NAME_LENGTH)
    query = models.CharField(_("filter"), max_length=VIEW_QUERY_LENGTH, blank=True)
    is_shared = models.BooleanField(_("shared"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        db_table = "saved_view"
        verbose_name, verbose_name_plural = _("saved view"), _("saved views")
        constraints = [
            # Also the index by which the inbox finds a person's own ones.
            models.UniqueConstraint("organization", "user", "name", name="saved_view_name"),
            models.CheckConstraint(name="saved_view_named", condition=~Q(name="")),
        ]
        indexes = [
            # Reader: the inbox, which lists the shared ones.
            models.Index("organization", "name", condition=Q(is_shared=True), name="saved_view_shared"),
        ]

    def __str__(self) -> str:
        return self.name

"""What all tables of an organization have in common."""

from typing import Any, Self
from uuid import UUID

from django.db import models

from tags.models.ids import uuid7
from tags.models.organization import Organization


class TenantQuerySet(models.QuerySet[Any]):
    def in_organization(self, organization_id: UUID) -> Self:
        """The application's half of tenancy; the database's is row-level security."""
        return self.filter(organization_id=organization_id)


class TenantModel(models.Model):
    """A row of one organization.

    The database's own keys hold more than Django knows: its primary key is (organization_id, id), and references are
    pairs too, so that no constraint tells one organization what ids another one uses (migration 0002).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True

    def change(self, **values: Any) -> None:
        """Write these columns of this row; `save()` would look for its id alone, which another tenant may use too."""
        type(self)._default_manager.filter(organization_id=self.organization_id, id=self.id).update(**values)
        for name, value in values.items():
            setattr(self, name, value)


class TenantKey(models.ForeignKey[Any, Any]):
    """A reference inside an organization; migration 0002 makes the pair (organization, id) its foreign key."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"db_constraint": False, "db_index": False, **options})

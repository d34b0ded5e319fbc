"""Who may call: people through their memberships, programs through the API keys of service accounts."""

import hashlib
import secrets
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID, uuid4

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tags.errors import Forbidden
from tags.models.tenant import TenantKey, TenantModel, TenantQuerySet


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractUser):
    """A person. What they may do is said by their memberships, one for each organization."""

    # Not a UUIDv7: its time would tell an admin who adds a user name whether some other organization knew it.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # How pages are shown to them; an empty word leaves it to the browser.
    language = models.CharField(max_length=10, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)

    class Meta:
        db_table = "user"
        constraints = [models.CheckConstraint(name="user_theme", condition=Q(theme__in=Theme.values))]


class Permission(StrEnum):
    READ = "read"
    TAG = "tag"
    CORRECT = "correct"  # change a task execution's record
    INGEST = "ingest"  # report flow and task executions
    ADMINISTER = "administer"  # members, service accounts and keys


class Role(models.TextChoices):
    VIEWER = "viewer", _("Viewer")
    REVIEWER = "reviewer", _("Reviewer")
    ADMIN = "admin", _("Admin")


class Scope(models.TextChoices):
    READ = "read", pgettext_lazy("scope", "Read")
    TAG = "tag", pgettext_lazy("scope", "Tag")
    INGEST = "ingest", pgettext_lazy("scope", "Ingest")


ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.REVIEWER: frozenset({Permission.READ, Permission.TAG, Permission.CORRECT}),
    Role.ADMIN: frozenset(Permission),
}
SCOPE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.READ}),
    Scope.TAG: frozenset({Permission.TAG}),
    Scope.INGEST: frozenset({Permission.INGEST, Permission.CORRECT}),
}


def check_permission(needed: Permission, held: Container[Permission]) -> None:
    """Raises Forbidden."""
    if needed not in held:
        raise Forbidden(f"This needs the permission {needed.value!r}, which the caller does not have")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: goes into each event as `kind:id`, and into `modified_by` as the contract's label."""

    kind: str
    id: UUID | None
    label: str
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


SYSTEM = Actor("system", None, "system")


class Membership(TenantModel):
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships", db_index=False)
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "membership"
        verbose_name, verbose_name_plural = _("membership"), _("memberships")
        constraints = [
            # Also the index by which authentication finds a user's memberships.
            models.UniqueConstraint("user", "organization", name="membership_once"),
            models.CheckConstraint(name="membership_role", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class ServiceAccount(TenantModel):
    """A program that calls the API. Its kind is what `modified_by` shows of what it did."""

    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=50, default="integration")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "service_account"
        verbose_name, verbose_name_plural = _("service account"), _("service accounts")
        constraints = [models.CheckConstraint(name="service_account_named", condition=~Q(name="") & ~Q(kind=""))]

    def __str__(self) -> str:
        return self.name


TOKEN_PREFIX = "tagsite_"  # noqa: S105  # tells API keys from JSON web tokens, and is no secret
_SHOWN_PREFIX = len(TOKEN_PREFIX) + 6


def new_token() -> str:
    """A fresh API key: 256 random bits, which is why a plain hash at rest is enough."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def token_prefix(token: str) -> str:
    return token[:_SHOWN_PREFIX]


class ApiKeyQuerySet(TenantQuerySet):
    def good_at(self, time: datetime) -> Self:
        """Neither expired nor revoked, nor is the service account; migration 0018 says the same in SQL."""
        of_active_account = Q(
            service_account__organization_id=F("organization_id"), service_account__revoked_at__isnull=True
        )
        unexpired = Q(expires_at=None) | Q(expires_at__gt=time)
        return self.filter(of_active_account, unexpired, revoked_at=None)


class ApiKey(TenantModel):
    """A credential of a service account; the token itself is shown once and stored only as its hash."""

    service_account = TenantKey(ServiceAccount, models.PROTECT, related_name="api_keys")
    name = models.CharField(_("name"), max_length=200)
    prefix = models.CharField(max_length=20)
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_key"
        verbose_name, verbose_name_plural = _("API key"), _("API keys")
        constraints = [
            # Also the index by which authentication finds a key.
            models.UniqueConstraint("digest", "organization", name="api_key_digest"),
            models.CheckConstraint(name="api_key_named", condition=~Q(name="")),
        ]
        indexes = [
            # Reader: the list of a service account's keys.
            models.Index("organization", "service_account", F("created_at").desc(), name="api_key_list"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


def permissions_of_scopes(scopes: list[Any]) -> frozenset[Permission]:
    return frozenset().union(*(SCOPE_PERMISSIONS.get(scope, frozenset()) for scope in scopes))

"""Service accounts and their API keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from tags.db.tenancy import in_organization
from tags.errors import Conflict, NotFound
from tags.models import ApiKey, ServiceAccount
from tags.models.access import new_token, token_digest, token_prefix


def create_service_account(organization_id: UUID, name: str, scopes: Sequence[str], kind: str) -> ServiceAccount:
    with in_organization(organization_id):
        account: ServiceAccount = ServiceAccount.objects.create(
            organization_id=organization_id, name=name, scopes=list(scopes), kind=kind
        )
    return account


def change_service_account(
    organization_id: UUID, account_id: UUID, name: str | None = None, scopes: Sequence[str] | None = None
) -> ServiceAccount:
    """Rename it, or give it other scopes, which hold from the next request on. Raises NotFound."""
    with in_organization(organization_id):
        account = _account(organization_id, account_id)
        account.change(
            name=account.name if name is None else name, scopes=account.scopes if scopes is None else list(scopes)
        )
    return account


def revoke_service_account(organization_id: UUID, account_id: UUID) -> None:
    """End the account and with it all its keys; once revoked it stays so. Raises NotFound."""
    with in_organization(organization_id):
        account = _account(organization_id, account_id)
        if account.revoked_at is None:
            account.change(revoked_at=timezone.now())


def create_api_key(
    organization_id: UUID, account_id: UUID, name: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its token, which is not kept. Raises NotFound, or Conflict if the account is revoked."""
    token = new_token()
    with in_organization(organization_id):
        account = _account(organization_id, account_id)
        if account.revoked_at is not None:
            raise Conflict(_("The service account is revoked"))
        key: ApiKey = ApiKey.objects.create(
            organization_id=organization_id,
            service_account=account,
            name=name,
            prefix=token_prefix(token),
            digest=token_digest(token),
            expires_at=expires_at,
        )
    return key, token


def rename_api_key(organization_id: UUID, account_id: UUID, key_id: UUID, name: str) -> ApiKey:
    with in_organization(organization_id):
        key = _key(organization_id, account_id, key_id)
        key.change(name=name)
    return key


def revoke_api_key(organization_id: UUID, account_id: UUID, key_id: UUID) -> None:
    """End the key; once revoked it stays so. Raises NotFound."""
    with in_organization(organization_id):
        key = _key(organization_id, account_id, key_id)
        if key.revoked_at is None:
            key.change(revoked_at=timezone.now())


def _account(organization_id: UUID, account_id: UUID) -> ServiceAccount:
    account: ServiceAccount | None = (
        ServiceAccount.objects.in_organization(organization_id).filter(id=account_id).first()
    )
    if account is None:
        raise NotFound(_("Service account not found"))
    return account


def _key(organization_id: UUID, account_id: UUID, key_id: UUID) -> ApiKey:
    keys = ApiKey.objects.in_organization(organization_id)
    key: ApiKey | None = keys.filter(service_account_id=account_id, id=key_id).first()
    if key is None:
        raise NotFound(_("API key not found"))
    return key

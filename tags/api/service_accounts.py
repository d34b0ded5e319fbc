"""/api/service-accounts and their /api-keys; for admins."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tags.actions import service_accounts
from tags.api.authentication import caller_of
from tags.api.validation import Time, Wire, validated
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import ApiKey, Permission, Scope, ServiceAccount

Name = Annotated[str, Field(min_length=1, max_length=200)]
_ADMINS_ONLY = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Permission.ADMINISTER)


class NewServiceAccount(Wire):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1)] = [Scope.READ]
    kind: Annotated[str, Field(min_length=1, max_length=50)] = "integration"


class ServiceAccountChange(Wire):
    name: Name | None = None
    scopes: Annotated[list[Scope], Field(min_length=1)] | None = None


class NewApiKey(Wire):
    name: Name
    expires_at: Time | None = None


class ApiKeyChange(Wire):
    name: Name


class ServiceAccountsView(APIView):
    permissions = _ADMINS_ONLY

    def get(self, request: Request) -> Response:
        organization_id = caller_of(request).organization_id
        with in_organization(organization_id):
            accounts = ServiceAccount.objects.in_organization(organization_id).order_by("created_at", "id")
            return Response({"service_accounts": [account_json(account) for account in accounts]})

    def post(self, request: Request) -> Response:
        new = validated(NewServiceAccount, request.data)
        account = service_accounts.create_service_account(
            caller_of(request).organization_id, new.name, new.scopes, new.kind
        )
        return Response(account_json(account), status=201)


class ServiceAccountView(APIView):
    permissions = _ADMINS_ONLY

    def get(self, request: Request, account_id: UUID) -> Response:
        return Response(account_json(_account(caller_of(request).organization_id, account_id)))

    def patch(self, request: Request, account_id: UUID) -> Response:
        change = validated(ServiceAccountChange, request.data)
        account = service_accounts.change_service_account(
            caller_of(request).organization_id, account_id, change.name, change.scopes
        )
        return Response(account_json(account))

    def delete(self, request: Request, account_id: UUID) -> Response:
        """Revoke the account and all its keys."""
        service_accounts.revoke_service_account(caller_of(request).organization_id, account_id)
        return Response(status=204)


class ApiKeysView(APIView):
    permissions = _ADMINS_ONLY

    def get(self, request: Request, account_id: UUID) -> Response:
        organization_id = caller_of(request).organization_id
        account = _account(organization_id, account_id)
        with in_organization(organization_id):
            keys = ApiKey.objects.in_organization(organization_id).filter(service_account_id=account.id)
            return Response({"api_keys": [key_json(key) for key in keys.order_by("-created_at")]})

    def post(self, request: Request, account_id: UUID) -> Response:
        """A new key; its `token` is in this answer and never again."""
        new = validated(NewApiKey, request.data)
        key, token = service_accounts.create_api_key(
            caller_of(request).organization_id, account_id, new.name, new.expires_at
        )
        return Response({**key_json(key), "token": token}, status=201)


class ApiKeyView(APIView):
    permissions = _ADMINS_ONLY

    def patch(self, request: Request, account_id: UUID, key_id: UUID) -> Response:
        change = validated(ApiKeyChange, request.data)
        key = service_accounts.rename_api_key(caller_of(request).organization_id, account_id, key_id, change.name)
        return Response(key_json(key))

    def delete(self, request: Request, account_id: UUID, key_id: UUID) -> Response:
        """Revoke the key."""
        service_accounts.revoke_api_key(caller_of(request).organization_id, account_id, key_id)
        return Response(status=204)


def _account(organization_id: UUID, account_id: UUID) -> ServiceAccount:
    with in_organization(organization_id):
        account: ServiceAccount | None = (
            ServiceAccount.objects.in_organization(organization_id).filter(id=account_id).first()
        )
    if account is None:
        raise NotFound("Service account not found")
    return account


def account_json(account: ServiceAccount) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "organization_id": str(account.organization_id),
        "name": account.name,
        "kind": account.kind,
        "scopes": account.scopes,
        "created_at": account.created_at.isoformat(),
        "revoked_at": account.revoked_at.isoformat() if account.revoked_at else None,
    }


def key_json(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "service_account_id": str(key.service_account_id),
        "name": key.name,
        "prefix": key.prefix,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }

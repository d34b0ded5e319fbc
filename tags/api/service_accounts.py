"""/api/service-accounts and their /api-keys; for admins."""

from typing import Annotated, Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tags.actions import service_accounts
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.validation import Time, Wire, validated
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import ApiKey, Permission, Scope, ServiceAccount

Name = Annotated[str, Field(min_length=1, max_length=200)]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=20)]
_ADMINS_ONLY = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Permission.ADMINISTER)


class NewServiceAccount(Wire):
    name: Name
    scopes: Scopes = [Scope.READ]
    kind: Annotated[str, Field(min_length=1, max_length=50)] = "integration"


class ServiceAccountChange(Wire):
    name: Name | None = None
    scopes: Scopes | None = None


class NewApiKey(Wire):
    name: Name
    expires_at: Time | None = None


class ApiKeyChange(Wire):
    name: Name


class ServiceAccountObject(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    kind: str = Field(description="What `modified_by` shows of its changes")
    scopes: list[Scope]
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None


class ServiceAccountList(BaseModel):
    service_accounts: list[ServiceAccountObject]


class ApiKeyObject(BaseModel):
    id: UUID
    service_account_id: UUID
    name: str
    prefix: str = Field(description="How the token begins, to tell keys apart")
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used_at: AwareDatetime | None = Field(description="To the minute")


class ApiKeyList(BaseModel):
    api_keys: list[ApiKeyObject]


class CreatedApiKey(ApiKeyObject):
    token: str = Field(description="Shown here and never again")


class ServiceAccountsView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="list_service_accounts", responses={200: ServiceAccountList})
    def get(self, request: Request) -> Response:
        """The programs of the organization, revoked ones too."""
        organization_id = caller_of(request).organization_id
        with in_organization(organization_id):
            accounts = ServiceAccount.objects.in_organization(organization_id).order_by("created_at", "id")
            return Response({"service_accounts": [account_json(account) for account in accounts]})

    @extend_schema(
        operation_id="create_service_account", request=NewServiceAccount, responses={201: ServiceAccountObject}
    )
    def post(self, request: Request) -> Response:
        """A new program; its keys come next."""
        new = validated(NewServiceAccount, request.data)
        account = service_accounts.create_service_account(
            caller_of(request).organization_id, new.name, new.scopes, new.kind
        )
        return Response(account_json(account), status=201)


class ServiceAccountView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="get_service_account", responses={200: ServiceAccountObject})
    def get(self, request: Request, account_id: UUID) -> Response:
        """One program."""
        return Response(account_json(_account(caller_of(request).organization_id, account_id)))

    @extend_schema(
        operation_id="change_service_account", request=ServiceAccountChange, responses={200: ServiceAccountObject}
    )
    def patch(self, request: Request, account_id: UUID) -> Response:
        """Rename it, or give it other scopes, which hold from the next request on."""
        change = validated(ServiceAccountChange, request.data)
        account = service_accounts.change_service_account(
            caller_of(request).organization_id, account_id, change.name, change.scopes
        )
        return Response(account_json(account))

    @extend_schema(operation_id="revoke_service_account", responses={204: None})
    def delete(self, request: Request, account_id: UUID) -> Response:
        """Revoke the account and all its keys."""
        service_accounts.revoke_service_account(caller_of(request).organization_id, account_id)
        return Response(status=204)


class ApiKeysView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="list_api_keys", responses={200: ApiKeyList})
    def get(self, request: Request, account_id: UUID) -> Response:
        """The keys of a program, the newest first, revoked ones too."""
        organization_id = caller_of(request).organization_id
        account = _account(organization_id, account_id)
        with in_organization(organization_id):
            keys = ApiKey.objects.in_organization(organization_id).filter(service_account_id=account.id)
            return Response({"api_keys": [key_json(key) for key in keys.order_by("-created_at")]})

    @extend_schema(operation_id="create_api_key", request=NewApiKey, responses={201: CreatedApiKey, 409: None})
    def post(self, request: Request, account_id: UUID) -> Response:
        """A new key; its `token` is in this answer and never again."""
        new = validated(NewApiKey, request.data)
        key, token = service_accounts.create_api_key(
            caller_of(request).organization_id, account_id, new.name, new.expires_at
        )
        return Response({**key_json(key), "token": token}, status=201)


class ApiKeyView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="rename_api_key", request=ApiKeyChange, responses={200: ApiKeyObject})
    def patch(self, request: Request, account_id: UUID, key_id: UUID) -> Response:
        """Rename the key."""
        change = validated(ApiKeyChange, request.data)
        key = service_accounts.rename_api_key(caller_of(request).organization_id, account_id, key_id, change.name)
        return Response(key_json(key))

    @extend_schema(operation_id="revoke_api_key", responses={204: None})
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

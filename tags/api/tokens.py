"""/api/auth/token: JSON web tokens for people; and /api/profile/me: who am I."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import BaseModel, Field
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from tags.actions import credentials
from tags.actions.credentials import Caller
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.validation import Wire, validated
from tags.db import tenancy
from tags.models import Membership, Organization, Permission, Role


class LogIn(Wire):
    username: Annotated[str, Field(min_length=1, max_length=150)]
    password: Annotated[str, Field(min_length=1, max_length=4096)]
    organization_id: UUID | None = None


class Refresh(Wire):
    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds that the access token is valid")
    organization_id: UUID


class OrganizationObject(BaseModel):
    id: UUID
    name: str


class MembershipObject(OrganizationObject):
    role: Role


class Profile(BaseModel):
    kind: Literal["user", "service_account"]
    id: UUID
    username: str | None
    organization: OrganizationObject = Field(description="The one that this credential works in")
    organizations: list[MembershipObject] = Field(description="All that the person is a member of")
    permissions: list[Permission]


class LoginThrottle(SimpleRateThrottle):
    """Slows down guessing: so many attempts a minute from one address."""

    scope = "login"
    rate = f"{settings.LOGIN_ATTEMPTS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"login:{self.get_ident(request)}"


class TokenView(ApiView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    @extend_schema(
        operation_id="log_in",
        request=LogIn,
        responses={200: Tokens},
        examples=[OpenApiExample("A person", {"username": "ada", "password": "…"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """A one-hour access token and a refresh token for a user name and password."""
        login = validated(LogIn, request.data)
        member = credentials.log_in(request._request, login.username, login.password, login.organization_id)
        return Response(_tokens(member))


class TokenRefreshView(ApiView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    @extend_schema(operation_id="refresh_tokens", request=Refresh, responses={200: Tokens})
    def post(self, request: Request) -> Response:
        """New tokens for a refresh token."""
        token = validated(Refresh, request.data).refresh_token
        return Response(_tokens(credentials.member_of_refresh_token(token)))


def _tokens(member: Membership) -> dict[str, Any]:
    access, refresh = credentials.issue_tokens(member)
    return {
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": settings.JWT_ACCESS_LIFETIME,
        "organization_id": str(member.organization_id),
    }


class ProfileView(ApiView):
    @extend_schema(operation_id="get_profile", responses={200: Profile})
    def get(self, request: Request) -> Response:
        """Who is calling, for which organization, and what they may do."""
        caller = caller_of(request)
        with tenancy.in_organization(caller.organization_id):
            organization = Organization.objects.get(id=caller.organization_id)
        return Response(
            {
                "kind": caller.actor.kind,
                "id": str(caller.actor.id),
                "username": caller.user.get_username() if caller.user else None,
                "organization": {"id": str(organization.id), "name": organization.name},
                "organizations": _organizations(caller),
                "permissions": sorted(caller.permissions),
            }
        )


def _organizations(caller: Caller) -> list[dict[str, str]]:
    """All that the person is a member of; a service account has the one."""
    if caller.user is None:
        return []
    with tenancy.as_user(caller.user.id):
        memberships = Membership.objects.filter(user=caller.user).select_related("organization").order_by("created_at")
        return [
            {"id": str(member.organization_id), "name": member.organization.name, "role": str(member.role)}
            for member in memberships
        ]

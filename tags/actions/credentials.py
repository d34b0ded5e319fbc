"""From a credential to the caller it stands for. Every way in (API, sockets, pages) asks here, at every request."""

import hmac
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from tags import request_context
from tags.db import tenancy
from tags.db.tenancy import in_organization
from tags.errors import NotAuthenticated
from tags.models import Actor, ApiKey, Membership, Permission, User
from tags.models.access import ROLE_PERMISSIONS, TOKEN_PREFIX, permissions_of_scopes, token_digest
from tags.models.ids import uuid7

# Fixed, so that no token can choose how it is checked (RFC 8725, 3.1).
_ALGORITHM = "HS256"
_REFUSED = "The credential is missing, invalid, expired or revoked"
# Where the session keeps the organization that the person works in.
SESSION_ORGANIZATION = "organization_id"
# How exact `last_used_at` is, in seconds: a write for each request would cost more than the request.
_LAST_USED_STEP = 60

_CALLER = "SELECT * FROM tagsite_caller(%s)"  # migration 0002


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, for which organization, and what they may do there."""

    organization_id: UUID
    actor: Actor
    permissions: frozenset[Permission]
    user: User | None = None
    api_key_id: UUID | None = None
    # Django REST framework asks this of whatever stands in `request.user`.
    is_authenticated: bool = True


def caller_of_api_key(token: str, request_id: str) -> Caller:
    """The service account of an API key. Raises NotAuthenticated. One statement, a transaction by itself."""
    digest = token_digest(token)
    with connection.cursor() as cursor:
        cursor.execute(_CALLER, [digest])
        row = cursor.fetchone()
    if row is None or not row[-1] or not hmac.compare_digest(bytes(row[1]), digest):
        raise NotAuthenticated(_REFUSED)
    key_id, _, organization_id, last_used_at, account_id, kind, scopes, _ = row
    _note_use(key_id, organization_id, last_used_at)
    actor = Actor("service_account", account_id, kind, request_id)
    return Caller(organization_id, actor, permissions_of_scopes(scopes), api_key_id=key_id)


def caller_of_api_key_id(organization_id: UUID, key_id: UUID, request_id: str) -> Caller:
    """The service account of a key that was presented before, if both still hold. Raises NotAuthenticated."""
    with in_organization(organization_id):
        keys = ApiKey.objects.in_organization(organization_id).good_at(timezone.now())
        key: ApiKey | None = keys.filter(id=key_id).select_related("service_account").first()
    if key is None:
        raise NotAuthenticated(_REFUSED)
    _note_use(key.id, organization_id, key.last_used_at)
    account = key.service_account
    actor = Actor("service_account", account.id, account.kind, request_id)
    return Caller(organization_id, actor, permissions_of_scopes(account.scopes), api_key_id=key.id)


def _note_use(key_id: UUID, organization_id: UUID, last_used_at: Any) -> None:
    now = timezone.now()
    if last_used_at is None or (now - last_used_at).total_seconds() > _LAST_USED_STEP:
        with in_organization(organization_id):
            ApiKey.objects.in_organization(organization_id).filter(id=key_id).update(last_used_at=now)


def caller_of_user(user_id: UUID, organization_id: UUID | None, request_id: str) -> Caller:
    """A person as a member of the organization, or of the first they joined. Raises NotAuthenticated."""
    return _caller_of_member(_membership(user_id, organization_id), request_id)


def caller_of_page(request: HttpRequest) -> Caller:
    """The logged-in person of a page, in the organization that they work in. Raises NotAuthenticated."""
    organization_id = request.session.get(SESSION_ORGANIZATION)
    caller = caller_of_user(UUID(str(request.user.pk)), organization_id, request_context.current_request_id())
    request_context.name_caller(caller.organization_id, caller.actor)
    return caller


def caller_of_access_token(token: str, request_id: str) -> Caller:
    """The person that a JSON web token names. Raises NotAuthenticated."""
    return _caller_of_member(_member_of_token(token, "access"), request_id)


def caller_of_bearer(token: str, request_id: str) -> Caller:
    """The caller of a bearer token: a JSON web token or an API key. Raises NotAuthenticated."""
    identify = caller_of_api_key if token.startswith(TOKEN_PREFIX) else caller_of_access_token
    return identify(token, request_id)


def log_in(request: HttpRequest, username: str, password: str, organization_id: UUID | None) -> Membership:
    """Check a user name and password. Raises NotAuthenticated, with the same words whichever was wrong."""
    user = authenticate(request, username=username, password=password)
    if user is None:
        raise NotAuthenticated("The user name or the password is not right")
    return _membership(user.pk, organization_id)


def member_of_refresh_token(token: str) -> Membership:
    """Raises NotAuthenticated."""
    return _member_of_token(token, "refresh")


def issue_tokens(member: Membership) -> tuple[str, str]:
    """An access token and a refresh token (RFC 7519) for a person in one organization."""
    return _token(member, "access", settings.JWT_ACCESS_LIFETIME), _token(
        member, "refresh", settings.JWT_REFRESH_LIFETIME
    )


def _membership(user_id: UUID, organization_id: UUID | None) -> Membership:
    with tenancy.as_user(user_id):
        memberships = Membership.objects.filter(user_id=user_id, user__is_active=True).select_related("user")
        if organization_id is not None:
            memberships = memberships.in_organization(organization_id)
        membership: Membership | None = memberships.order_by("created_at", "id").first()
    if membership is None:
        raise NotAuthenticated(_REFUSED)
    return membership


def _caller_of_member(member: Membership, request_id: str) -> Caller:
    actor = Actor("user", member.user_id, str(member.user_id), request_id)
    return Caller(member.organization_id, actor, ROLE_PERMISSIONS[member.role], member.user)


def _member_of_token(token: str, use: str) -> Membership:
    claims = _claims(token, use)
    member = _membership(UUID(claims["sub"]), UUID(claims["org"]))
    if not hmac.compare_digest(password_mark(member.user), claims["pwd"]):
        raise NotAuthenticated(_REFUSED)
    return member


def _token(member: Membership, use: str, lifetime: int) -> str:
    now = int(time.time())
    claims = {
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "sub": str(member.user_id),
        "org": str(member.organization_id),
        "use": use,
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid7()),
        # A new password ends all earlier tokens.
        "pwd": password_mark(member.user),
    }
    return jwt.encode(claims, settings.SECRET_KEY, algorithm=_ALGORITHM)


def password_mark(user: User | None) -> str:
    """Changes with the person's password; tells nothing of it."""
    assert user is not None  # noqa: S101  # a member's caller has one
    return user.get_session_auth_hash()[:16]


def _claims(token: str, use: str) -> dict[str, Any]:
    try:
        claims = jwt.decode(
            token,
            settings.SECRET_KEY,
            algorithms=[_ALGORITHM],
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            options={"require": ["exp", "iat", "sub", "iss", "aud", "org", "use", "pwd"]},
        )
    except jwt.InvalidTokenError as error:
        raise NotAuthenticated(_REFUSED) from error
    if claims["use"] != use:
        raise NotAuthenticated(_REFUSED)
    return claims

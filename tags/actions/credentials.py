"""From a credential to the caller it stands for. Every way in (API, sockets, pages) asks here, at every request."""

import hmac
import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from tags import request_context
from tags.actions.key_holders import REFUSED, KeyEntrance, KeyHolder, look_up, remembered
from tags.db import tenancy
from tags.db.tenancy import in_organization
from tags.errors import NotAuthenticated
from tags.models import Actor, ApiKey, Membership, Permission, User
from tags.models.access import ROLE_PERMISSIONS, TOKEN_PREFIX, permissions_of_scopes, token_digest
from tags.models.ids import uuid7

# Fixed, so that no token can choose how it is checked (RFC 8725, 3.1).
_ALGORITHM = "HS256"
# Where the session keeps the organization that the person works in.
SESSION_ORGANIZATION = "organization_id"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, for which organization, and what they may do there."""

    organization_id: UUID
    actor: Actor
    permissions: frozenset[Permission]
    user: User | None = None
    api_key_id: UUID | None = None
    # Of a page's caller: all of theirs, with the organizations, by these' names.
    memberships: tuple[Membership, ...] = ()
    # Django REST framework asks this of whatever stands in `request.user`.
    is_authenticated: bool = True


def caller_of_api_key(token: str, request_id: str, needed: Permission | None = None) -> Caller:
    """The service account of an API key. Raises NotAuthenticated. One statement, a transaction by itself.

    But within a visit, of a key that was met before and where one permission is all that is needed, the look-up travels
    with the first statements of the work: the caller has that permission, or else the work fails.
    """
    digest = token_digest(token)
    known, visit = remembered(digest), tenancy.current_visit()
    if visit and known and needed in known.permissions:
        visit.entrance = KeyEntrance(digest, known, needed)
        return _caller_of_holder(known, request_id, frozenset({needed}))
    holder = look_up(digest)
    holder.note_use()
    return _caller_of_holder(holder, request_id, holder.permissions)


def caller_of_api_key_id(organization_id: UUID, key_id: UUID, request_id: str) -> Caller:
    """The service account of a key that was presented before, if both still hold. Raises NotAuthenticated."""
    with in_organization(organization_id):
        keys = ApiKey.objects.in_organization(organization_id).good_at(timezone.now())
        key: ApiKey | None = keys.filter(id=key_id).select_related("service_account").first()
    if key is None:
        raise NotAuthenticated(REFUSED)
    account = key.service_account
    permissions = permissions_of_scopes(account.scopes)
    used_at = key.last_used_at.timestamp() if key.last_used_at else 0
    holder = KeyHolder(key.id, organization_id, account.id, account.kind, permissions, used_at)
    holder.note_use()
    return _caller_of_holder(holder, request_id, permissions)


def _caller_of_holder(holder: KeyHolder, request_id: str, permissions: frozenset[Permission]) -> Caller:
    return Caller(holder.organization_id, holder.actor(request_id), permissions, api_key_id=holder.key_id)


def caller_of_user(user_id: UUID, organization_id: UUID | None, request_id: str) -> Caller:
    """A person as a member of the organization, or of the first they joined. Raises NotAuthenticated."""
    return _caller_of_member(_chosen(_memberships(user_id), organization_id), request_id)


def caller_of_page(request: HttpRequest) -> Caller:
    """The logged-in person of a page, in the organization that they work in. Raises NotAuthenticated."""
    memberships = _memberships(UUID(str(request.user.pk)))
    member = _chosen(memberships, request.session.get(SESSION_ORGANIZATION))
    caller = _caller_of_member(member, request_context.current_request_id())
    request_context.name_caller(caller.organization_id, caller.actor)
    return replace(caller, memberships=tuple(sorted(memberships, key=lambda one: (one.organization.name, one.id))))


def caller_of_access_token(token: str, request_id: str) -> Caller:
    """The person that a JSON web token names. Raises NotAuthenticated."""
    return _caller_of_member(_member_of_token(token, "access"), request_id)


def caller_of_bearer(token: str, request_id: str, needed: Permission | None = None) -> Caller:
    """The caller of a bearer token: a JSON web token or an API key. Raises NotAuthenticated."""
    if token.startswith(TOKEN_PREFIX):
        return caller_of_api_key(token, request_id, needed)
    return caller_of_access_token(token, request_id)


def log_in(request: HttpRequest, username: str, password: str, organization_id: UUID | None) -> Membership:
    """Check a user name and password. Raises NotAuthenticated, with the same words whichever was wrong."""
    user = authenticate(request, username=username, password=password)
    if user is None:
        raise NotAuthenticated("The user name or the password is not right")
    return _chosen(_memberships(user.pk), organization_id)


def member_of_refresh_token(token: str) -> Membership:
    """Raises NotAuthenticated."""
    return _member_of_token(token, "refresh")


def issue_tokens(member: Membership) -> tuple[str, str]:
    """An access token and a refresh token (RFC 7519) for a person in one organization."""
    return _token(member, "access", settings.JWT_ACCESS_LIFETIME), _token(
        member, "refresh", settings.JWT_REFRESH_LIFETIME
    )


def _memberships(user_id: UUID) -> list[Membership]:
    """An active person's, with their organizations, the oldest first."""
    with tenancy.pipeline(), tenancy.as_user(user_id):
        memberships = Membership.objects.filter(user_id=user_id, user__is_active=True)
        return list(memberships.select_related("user", "organization").order_by("created_at", "id"))


def _chosen(memberships: list[Membership], organization_id: UUID | str | None) -> Membership:
    """That in the organization, or the first. Raises NotAuthenticated."""
    for member in memberships:
        if organization_id is None or str(member.organization_id) == str(organization_id):
            return member
    raise NotAuthenticated(REFUSED)


def _caller_of_member(member: Membership, request_id: str) -> Caller:
    actor = Actor("user", member.user_id, str(member.user_id), request_id)
    return Caller(member.organization_id, actor, ROLE_PERMISSIONS[member.role], member.user)


def _member_of_token(token: str, use: str) -> Membership:
    claims = _claims(token, use)
    member = _chosen(_memberships(UUID(claims["sub"])), UUID(claims["org"]))
    if not hmac.compare_digest(password_mark(member.user), claims["pwd"]):
        raise NotAuthenticated(REFUSED)
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
        raise NotAuthenticated(REFUSED) from error
    if claims["use"] != use:
        raise NotAuthenticated(REFUSED)
    return claims

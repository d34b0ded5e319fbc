"""The three ways in; each gives the caller, who decides the organization."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.authentication import SessionAuthentication as DjangoSessionAuthentication
from rest_framework.request import Request

from tags import request_context
from tags.actions.credentials import (
    SESSION_ORGANIZATION,
    Caller,
    caller_of_api_key,
    caller_of_bearer,
    caller_of_user,
)
from tags.errors import NotAuthenticated
from tags.models import Permission


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <token>`"""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        # Django's request: in its own, the framework looks for each such name in vain first, at every request.
        token = request._request.META.get("HTTP_X_API_KEY")
        if token is None:
            return None
        return _named(caller_of_api_key(token, request_context.current_request_id(), needed_permission(request)))

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="tagsite"'


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, the token a JSON web token or an API key."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        request_id = request_context.current_request_id()
        return _named(caller_of_bearer(token.strip(), request_id, needed_permission(request)))


class SessionAuthentication(DjangoSessionAuthentication):
    """The browser's session; changes need the CSRF token."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is None:
            return None
        organization_id = request._request.session.get(SESSION_ORGANIZATION)
        return _named(caller_of_user(found[0].pk, organization_id, request_context.current_request_id()))


def _named(caller: Caller) -> tuple[Caller, None]:
    request_context.name_caller(caller.organization_id, caller.actor)
    return caller, None


def needed_permission(request: Request) -> Permission | None:
    """As the view's `permissions` say: HTTP method -> Permission; HEAD is as GET."""
    permissions: dict[str, Permission] = getattr(request.parser_context["view"], "permissions", {})
    method = request._request.method or ""
    return permissions.get("GET" if method == "HEAD" else method)


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    if not isinstance(request.user, Caller):
        raise NotAuthenticated("This needs a credential: an API key, a bearer token or a session")
    return request.user

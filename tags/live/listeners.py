"""Who may listen: from the handshake of a socket to its caller, and whether that still holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from tags.actions.credentials import (
    SESSION_ORGANIZATION,
    Caller,
    caller_of_api_key,
    caller_of_bearer,
    caller_of_user,
)
from tags.actions.tickets import redeem_ticket
from tags.errors import Forbidden, NotAuthenticated
from tags.models import Permission

# Asks the database who the credential stands for now; raises NotAuthenticated when it has ended.
Identify = Callable[[], Caller]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a socket came with. Equal ones are asked about once for all their sockets."""

    key: tuple[str, str]
    identify: Identify

    def listener(self) -> Caller:
        """Who listens with it. Raises NotAuthenticated, or Forbidden for one who may not read."""
        caller = self.identify()
        if Permission.READ not in caller.permissions:
            raise Forbidden("To listen needs the permission 'read', which the caller does not have")
        return caller


def credential_of(scope: dict[str, Any]) -> Credential | None:
    """The credential that a handshake carries: API key, bearer token, or session cookie from a page of our own.

    None if there is none at all, good or bad. Raises DisallowedHost.
    """
    request = ASGIRequest({**scope, "method": "GET", "scheme": _SCHEMES[scope["scheme"]]}, BytesIO())
    request.get_host()  # raises DisallowedHost
    headers = request.headers
    if "X-API-Key" in headers:
        token = headers["X-API-Key"]
        return Credential(("bearer", token), partial(caller_of_api_key, token, ""))
    kind, _, token = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return Credential(("bearer", token.strip()), partial(caller_of_bearer, token.strip(), ""))
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if session and _is_own_origin(request):
        return Credential(("session", session), partial(_caller_of_session, session))
    if kind:
        return Credential(("unknown kind", ""), _caller_of_unknown_kind)
    return None


def credential_of_ticket(text: str) -> Credential:
    """Uses the ticket up; from then on its holder is asked about, as the ticket will not be good a second time.

    Raises NotAuthenticated.
    """
    holder = redeem_ticket(text)
    return Credential(("ticket", str(holder)), holder.caller)


_SCHEMES = {"ws": "http", "wss": "https"}


def _is_own_origin(request: HttpRequest) -> bool:
    """A browser sends cookies with a socket that any page opens; its Origin header names the page (RFC 6455, 10.2)."""
    return request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"


def _caller_of_unknown_kind() -> Caller:
    raise NotAuthenticated("The Authorization header must be a bearer token")


def _caller_of_session(session_key: str) -> Caller:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if user.pk is None:
        raise NotAuthenticated("The session has ended")
    return caller_of_user(user.pk, request.session.get(SESSION_ORGANIZATION), "")

"""Whom an API key is of, and whether it holds: asked of the database at every request.

A request costs least if the question travels with its work. Who holds a key that was met before is remembered for that:
it cannot change, so the work can be prepared for it. Whether the key still holds, and what it may do, cannot be
remembered; the work stands or falls with the answer (`KeyEntrance`).
"""

import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from tags.db.tenancy import Entrance, in_organization, run
from tags.errors import NotAuthenticated, RepositoryError
from tags.models import Actor, ApiKey, Permission
from tags.models.access import check_permission, permissions_of_scopes

REFUSED = "The credential is missing, invalid, expired or revoked"

# One text, which says the same as long as nothing has changed: then it need not be read again.
_KEY_HOLDER = "SELECT tagsite_key_holder(%s)::text"  # migration 0018
# How exact `last_used_at` is, in seconds: a write for each request would cost more than the request.
_LAST_USED_STEP = 60
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The service account of an API key that holds."""

    key_id: UUID
    organization_id: UUID
    account_id: UUID
    kind: str
    permissions: frozenset[Permission] = field(compare=False)
    used_at: float = field(compare=False)  # in seconds of Unix time, as far as the database knew
    told: str = field(default="", compare=False)  # by the database, of this key

    def actor(self, request_id: str) -> Actor:
        return Actor("service_account", self.account_id, self.kind, request_id)

    def note_use(self) -> None:
        if time.time() - self.used_at > _LAST_USED_STEP:
            with in_organization(self.organization_id):
                keys = ApiKey.objects.in_organization(self.organization_id)
                keys.filter(id=self.key_id).update(last_used_at=timezone.now())


# By the key's digest; of each process, and emptied when it is full.
_remembered: dict[bytes, KeyHolder] = {}


def look_up(digest: bytes) -> KeyHolder:
    """Raises NotAuthenticated. One statement, a transaction by itself."""
    return _admitted(digest, run(_KEY_HOLDER, [digest]))


def remembered(digest: bytes) -> KeyHolder | None:
    """Who held it when it was last looked up."""
    return _remembered.get(digest)


def _admitted(digest: bytes, answer: psycopg.Cursor) -> KeyHolder:
    """Raises NotAuthenticated."""
    [(told,)] = answer
    known = _remembered.get(digest)
    if known and known.told == told:
        return known
    holder = _holder(told, digest) if told else None
    if holder is None:
        _remembered.pop(digest, None)
        raise NotAuthenticated(REFUSED)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[digest] = holder
    return holder


def _holder(told: str, digest: bytes) -> KeyHolder | None:
    """None unless the key holds."""
    key = json.loads(told)
    if not key["valid"] or not hmac.compare_digest(bytes.fromhex(key["digest"]), digest):
        return None
    return KeyHolder(
        UUID(key["key_id"]),
        UUID(key["organization_id"]),
        UUID(key["account_id"]),
        key["kind"],
        permissions_of_scopes(key["scopes"]),
        datetime.fromisoformat(key["last_used_at"]).timestamp() if key["last_used_at"] else 0,
        told,
    )


@dataclass
class KeyEntrance(Entrance):
    """The way in of a key that was met before."""

    digest: bytes
    expected: KeyHolder
    needed: Permission

    def ask(self) -> None:
        self._answer = run(_KEY_HOLDER, [self.digest])
        self.is_waiting = False

    def admit(self) -> None:
        """Raises as `close`, and OperationalError for a database that went away meanwhile.

        A look-up that could not be sent has its own error.
        """
        if self.is_waiting:
            return
        try:
            holder = _admitted(self.digest, self._answer)
        except psycopg.ProgrammingError as error:
            if error.sqlstate or isinstance(error.__context__, ProgrammingError):
                raise  # it was answered: with an error, which is ours
            raise OperationalError("The look-up of a key was not answered") from error
        self._check(holder)

    def close(self) -> None:
        """Raises NotAuthenticated, Forbidden, or RepositoryError if the key's account has just been changed."""
        if not self.has_admitted:
            self._check(look_up(self.digest))
        self._holder.note_use()

    def _check(self, holder: KeyHolder) -> None:
        if holder is not self.expected and holder != self.expected:
            raise RepositoryError("The service account has just been changed; try again")
        check_permission(self.needed, holder.permissions)
        self._holder = holder
        self.has_admitted = True

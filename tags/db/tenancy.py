"""The database's half of tenancy: which rows a transaction may see and write.

Row-level security compares each row's organization with a setting of the transaction. Without the setting nothing is
visible, so code that forgets to open an organization reads nothing rather than everything.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import psycopg
from django.db import connection, transaction

from tags.db.postgresql.base import DatabaseWrapper

ORGANIZATION = "tagsite.organization_id"
USER = "tagsite.user_id"
API_KEY_DIGEST = "tagsite.api_key_digest"
SEALING = "tagsite.sealing"

_SHOW = "SELECT set_config(%s, %s, true)"

_current: ContextVar[UUID | None] = ContextVar("current_organization", default=None)


class Entrance(ABC):
    """A credential whose look-up travels with the first statements of the work that it lets in.

    The look-up itself names the organization to the transaction; of a credential that no longer holds it names none,
    and what travels with it meets no rows.
    """

    is_waiting = True  # for the first statements
    has_admitted = False

    @abstractmethod
    def ask(self) -> None:
        """Send the look-up; from now on it waits no more."""

    @abstractmethod
    def admit(self) -> None:
        """Read the answer. Raises what the caller is to be told if it lets nobody in."""

    @abstractmethod
    def close(self) -> None:
        """In the end: ask now, if nobody has been admitted. Raises as `admit`."""


@dataclass
class Visit:
    """A request being served."""

    entrance: Entrance | None = None


_visit: ContextVar[Visit | None] = ContextVar("visit", default=None)


@contextmanager
def visit() -> Iterator[Visit]:
    """Within the block a credential may travel; the caller of this closes the entrance before anything is answered."""
    token = _visit.set(Visit())
    try:
        yield cast(Visit, _visit.get())
    finally:
        _visit.reset(token)


def current_visit() -> Visit | None:
    return _visit.get()


@contextmanager
def in_organization(organization_id: UUID) -> Iterator[None]:
    """One transaction that sees and writes the rows of this organization alone.

    Nested in a transaction of the same organization it joins that one. Raises RuntimeError inside another
    organization's, or inside a transaction that named none: PostgreSQL keeps the setting until the transaction ends.
    """
    if connection.in_atomic_block:
        if _current.get() != organization_id:
            raise RuntimeError("a transaction serves one organization, named at its start")
        yield
        return
    with transaction.atomic():
        entrance = _name(organization_id)
        token = _current.set(organization_id)
        try:
            yield
        finally:
            _current.reset(token)
            if entrance:
                entrance.admit()


@contextmanager
def reading_organization(organization_id: UUID) -> Iterator[None]:
    """Reads that see this organization's rows alone, in one round trip: fetch what they found after the block.

    PostgreSQL takes the statements of a pipeline as one transaction, so the setting holds for all of them.
    """
    entrance = None
    try:
        with pipeline():
            entrance = _name(organization_id)
            yield
    finally:
        if entrance:
            entrance.admit()


def _name(organization_id: UUID) -> Entrance | None:
    """Name the organization to the transaction. What a waiting entrance does; then it is returned, and is to admit.

    Also after an error: without a credential that holds, that is what the caller is told.
    """
    visit = _visit.get()
    if visit and visit.entrance and visit.entrance.is_waiting:
        visit.entrance.ask()
        return visit.entrance
    show(ORGANIZATION, str(organization_id))
    return None


@contextmanager
def as_user(user_id: UUID) -> Iterator[None]:
    """One transaction that sees this user's own memberships and their organizations, and nothing else."""
    with transaction.atomic(durable=True):
        show(USER, str(user_id))
        yield


@contextmanager
def sealing() -> Iterator[None]:
    """One transaction that sees, of every organization, its id, its newest position and its seals: hashes alone."""
    with transaction.atomic(durable=True):
        show(SEALING, "on")
        yield


def show(setting: str, value: str) -> None:
    """Set one of the settings that the policies read, until the end of the transaction."""
    run(_SHOW, [setting, value])


def run(statement: str, parameters: Any) -> psycopg.Cursor:
    """The backend's way around Django's cursor."""
    return cast(DatabaseWrapper, connection).run(statement, parameters)


def pipeline() -> AbstractContextManager[None]:
    """The backend's pipeline (tags/db/postgresql/base.py)."""
    return cast(DatabaseWrapper, connection).pipeline()

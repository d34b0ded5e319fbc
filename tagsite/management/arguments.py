"""Arguments that several commands take, each refused with a sentence."""

from argparse import ArgumentTypeError
from pathlib import Path
from uuid import UUID

from django.core.management.base import CommandError
from pydantic import ValidationError

from tags.db.tenancy import in_organization
from tags.events.seals import SealFile
from tags.models import Organization


def uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no UUID") from None


def position(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise ArgumentTypeError(f"{text!r} is no position: a whole number, 0 or more")
    return int(text)


def seal_file(text: str) -> SealFile:
    try:
        return SealFile.model_validate_json(Path(text).read_bytes())
    except OSError as error:
        raise ArgumentTypeError(f"{text} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        flaw = error.errors()[0]
        place = ".".join(map(str, flaw["loc"])) or "the file"
        raise ArgumentTypeError(f"{text} is no seal of Tagsite's: {place}: {flaw['msg']}") from None


def check_organization(organization_id: UUID) -> None:
    """Raise CommandError if there is none of that id."""
    with in_organization(organization_id):
        if not Organization.objects.filter(id=organization_id).exists():
            raise CommandError(f"There is no organization {organization_id}.")

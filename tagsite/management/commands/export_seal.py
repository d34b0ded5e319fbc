import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from tags.actions.sealing import StreamBrokenError, seal_events
from tags.db.tenancy import in_organization
from tags.events.seals import newest_seal
from tagsite.management.arguments import check_organization, uuid


class Command(BaseCommand):
    help = (
        "Seals an organization's events and writes the newest seal, to be kept where the database's keeper cannot go."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", type=uuid, required=True, help="the organization's id")
        parser.add_argument("--output", type=Path, metavar="FILE", help="where to write (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = options["organization"]
        try:
            check_organization(organization)
            seal_events(organization)
            with in_organization(organization):
                seal = newest_seal(organization)
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        except StreamBrokenError as error:
            raise CommandError(f"{error}; see verify_events") from error
        if seal.position == 0:
            raise CommandError("There is no event to seal yet.")
        self._write(seal.model_dump_json(indent=2) + "\n", options["output"])

    def _write(self, text: str, output: Path | None) -> None:
        if output is None:
            sys.stdout.write(text)
            return
        try:
            with output.open("x") as file:  # an earlier seal is never replaced
                file.write(text)
        except FileExistsError:
            raise CommandError(f"{output} is there already; keep it, and give this one another name.") from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}") from error

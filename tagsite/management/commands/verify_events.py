import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from tags.events.seals import SealFile, stream_positions
from tags.events.verifying import extent, verify
from tagsite.management.arguments import check_organization, seal_file, uuid


class Command(BaseCommand):
    help = (
        "Checks that no event was changed, removed or inserted since it was sealed, and names each that was by its"
        " position. Exits with 1 if there is one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", type=uuid, help="only this organization's (default: every)")
        parser.add_argument(
            "--seal",
            type=seal_file,
            action="append",
            default=[],
            metavar="FILE",
            help="a seal that `export_seal` wrote earlier; repeatable. Alone it names the organization",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seals: list[SealFile] = options["seal"]
        only = options["organization"]
        if only is not None and any(seal.organization_id != only for seal in seals):
            raise CommandError("A seal is of another organization than --organization names.")
        try:
            counts = [self._verify(organization, seals) for organization in self._organizations(only, seals)]
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        if any(counts):
            sys.exit(1)

    @staticmethod
    def _organizations(only: UUID | None, seals: list[SealFile]) -> list[UUID]:
        if only is not None:
            check_organization(only)
            return [only]
        return sorted({seal.organization_id for seal in seals} or stream_positions())

    def _verify(self, organization: UUID, seals: list[SealFile]) -> int:
        """How much was found."""
        kept = [seal for seal in seals if seal.organization_id == organization]
        whole = extent(organization)
        count = 0
        for count, finding in enumerate(verify(organization, whole, kept), 1):  # noqa: B007  # the last one's is used
            self.stdout.write(f"organization {organization}: {finding}")
        said = f"{count} findings" if count else "nothing was changed"
        self.stdout.write(f"organization {organization}: {whole.newest} events, sealed up to {whole.sealed}: {said}")
        return count

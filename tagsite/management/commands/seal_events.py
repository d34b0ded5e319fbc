from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from tags.actions.sealing import StreamBrokenError, seal_events
from tags.events.seals import stream_positions
from tagsite.management.arguments import check_organization, uuid


class Command(BaseCommand):
    help = "Seals the events that are not sealed yet; `serve` does the same every few seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", type=uuid, help="only this organization's (default: every)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            broken = self._seal(options["organization"])
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        if broken:
            raise CommandError("\n".join(broken))

    def _seal(self, only: Any) -> list[str]:
        """Every organization, even if one of them cannot be sealed; a sentence for each of those."""
        if only is not None:
            check_organization(only)
        broken = []
        for organization in [only] if only is not None else stream_positions():
            try:
                self.stdout.write(f"organization {organization}: sealed up to {seal_events(organization)}")
            except StreamBrokenError as error:
                broken.append(f"organization {organization}: {error}")
        return broken

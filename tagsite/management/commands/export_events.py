import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from tags.events.feed import entries_after
from tagsite.management.arguments import check_organization, position, uuid


class Command(BaseCommand):
    help = "Prints the events of an organization, each as a CloudEvent on one line, as `GET /api/events` has them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", type=uuid, required=True, help="the organization's id")
        parser.add_argument("--after", type=position, default=0, help="only what came after this position")

    def handle(self, *args: Any, **options: Any) -> None:
        after = options["after"]
        try:
            check_organization(options["organization"])
            while entries := entries_after(options["organization"], after):
                sys.stdout.writelines(f"{entry.text}\n" for entry in entries)
                after = entries[-1].position
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from tagsite.server import PortInUseError, check_port, replace_process_by_server


class Command(BaseCommand):
    help = "Serves Tagsite's pages and API until it is interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="the port (default: %(default)s)")
        parser.add_argument(
            "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)"
        )
        parser.add_argument("--threads", type=int, default=8, help="threads in each process (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_port(options["host"], options["port"])
        except PortInUseError as error:
            raise CommandError(str(error)) from error
        self._check_database()
        folder = settings.VAR_DIR / f"metrics-{options['port']}"
        self.stdout.write(f"Tagsite listens on http://{options['host']}:{options['port']}")
        self.stdout.flush()
        replace_process_by_server(options["host"], options["port"], options["workers"], options["threads"], folder)

    def _check_database(self) -> None:
        """Reach it once, which also refuses a role that row-level security does not bind."""
        try:
            executor = MigrationExecutor(connection)
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database schema is not up to date; run `manage.py migrate`.")

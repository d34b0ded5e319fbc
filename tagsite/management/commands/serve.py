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
        parser.add_argument(
            "--socket-port", type=int, help="serve sockets and long polls too, in a process of their own, on this port"
        )
        parser.add_argument(
            "--one-process", action="store_true", help="serve web and sockets together, on one port; needs no Redis"
        )
        parser.add_argument("--threads", type=int, default=8, help="threads in each process (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port, socket_port = options["host"], options["port"], options["socket_port"]
        if options["one_process"] and socket_port is not None:
            raise CommandError("--one-process serves sockets on the one port; leave --socket-port out.")
        try:
            for wanted in filter(None, (port, socket_port)):
                check_port(host, wanted)
        except PortInUseError as error:
            raise CommandError(str(error)) from error
        self._check_database()
        folder = settings.VAR_DIR / f"metrics-{port}"
        self.stdout.write(f"Tagsite listens on http://{host}:{port}")
        if socket_port is not None:
            self.stdout.write(f"Its sockets listen on ws://{host}:{socket_port}/ws/events")
            if not settings.REDIS_URL:
                self.stderr.write(
                    "REDIS_URL is not set: without its bell, sockets hear of changes up to a second late."
                )
        self.stdout.flush()
        if options["one_process"]:
            replace_process_by_server("all", host, port, folder)
        sockets = [] if socket_port is None else [socket_port]
        replace_process_by_server("web", host, port, options["workers"], options["threads"], folder, *sockets)

    def _check_database(self) -> None:
        """Reach it once, which also refuses a role that row-level security does not bind."""
        try:
            executor = MigrationExecutor(connection)
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database schema is not up to date; run `manage.py migrate`.")

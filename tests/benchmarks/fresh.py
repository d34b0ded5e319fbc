"""A database that is empty at first, on the benchmarks' own durable server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import django

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks.preload import FOLDER


@contextmanager
def fresh_database(name: str) -> Iterator[None]:
    """A fresh, empty database, and Django's settings for it in this process and those that it starts."""
    server = EmbeddedPostgres(FOLDER / "postgres", durable=True)
    started = server.start()
    try:
        os.environ.update(
            DATABASE_URL=server.url("postgres", "postgres"),
            TEST_DATABASE_NAME=name,
            VAR_DIR=str(FOLDER),
            DJANGO_SETTINGS_MODULE="tagsite.settings",
        )
        import tests.database  # noqa: F401  # makes the database and tells the settings, as for tests

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield
    finally:
        if started:
            server.stop()

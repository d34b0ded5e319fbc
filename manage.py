#!/usr/bin/env python
"""Tagsite's command line: Django's own commands and Tagsite's."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tagsite.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from tagsite.embedded_postgres import EmbeddedPostgresError

    try:
        _start_embedded_database()
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EmbeddedPostgresError) as error:
        sys.exit(f"tagsite: {error}")


def _start_embedded_database() -> None:
    """Without a DATABASE_URL every command finds the embedded server running."""
    from django.conf import settings

    if settings.EMBEDDED_POSTGRES is not None:
        settings.EMBEDDED_POSTGRES.start()


if __name__ == "__main__":
    main()

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from tags.db.roles import grant_application_privileges


class Command(migrate.Command):
    """Django's migrate, run as the owner of the tables; afterwards the application's role gets its privileges."""

    help = "Updates the database schema as its owner (DATABASE_OWNER_URL) and grants the application's role its rights."

    def handle(self, *args: Any, **options: Any) -> None:
        options["database"] = "owner"
        super().handle(*args, **options)
        role = connections["default"].settings_dict["USER"]
        if role != connections["owner"].settings_dict["USER"]:
            grant_application_privileges(connections["owner"], role)

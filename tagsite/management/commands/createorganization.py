from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tags.actions.organizations import add_member, create_organization
from tags.actions.people import change_email
from tags.db.tenancy import in_organization
from tags.models import Role
from tags.models.ids import uuid7


class Command(BaseCommand):
    help = (
        "Makes an organization and its first admin, who needs a password from `changepassword`, or by mail, to log in."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the organization's name")
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="the first admin's user name")
        parser.add_argument("--email", default="", help="the first admin's mail address, for setting a password")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < len(options["name"]) <= 200:
            raise CommandError("The name must have 1 to 200 characters.")
        organization_id = uuid7()
        with in_organization(organization_id):
            create_organization(options["name"], organization_id)
            member = add_member(organization_id, options["admin"], Role.ADMIN)
            if options["email"]:
                change_email(member.user_id, options["email"])
        self.stdout.write(f"Organization {organization_id} with the admin {options['admin']}")

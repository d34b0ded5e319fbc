"""The desk's pages as a logged-in person gets them."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse

from tags.db.tenancy import in_organization
from tags.models import TaskExecution
from tests.cast import Tenant
from tests.clients import Client


def browser(tenant: Tenant, who: str = "reviewer") -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(getattr(tenant, who))
    return client


def text(response: HttpResponse) -> str:
    return response.content.decode()


def stored(tenant: Tenant, id: UUID) -> Any:
    with in_organization(tenant.id):
        return TaskExecution.objects.in_organization(tenant.id).get(id=id)

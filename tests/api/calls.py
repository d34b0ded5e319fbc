"""What the API's tests have in common."""

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from tags.db.tenancy import in_organization
from tags.events.reading import current_position
from tests.cast import Tenant

UNKNOWN_ID = "01890000-0000-7000-8000-000000000000"


def refused(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The error of a response that must be this refusal."""
    assert response.status_code == status, response.content
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    return error


def bad_request(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 400, "bad_request")


def unknown_credential(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 401, "user_info_not_found")


def forbidden(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 403, "forbidden")


def not_found(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 404, "not_found")


def conflict(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 409, "conflict")


def invalid(response: HttpResponse) -> dict[str, Any]:
    return refused(response, 422, "validation_error")


def places(error: dict[str, Any]) -> list[list[str | int]]:
    """Where the flaws are."""
    return [entry["loc"] for entry in error["details"]]


def position(tenant: Tenant) -> int:
    """How many changes the organization has seen."""
    with in_organization(tenant.id):
        return current_position(tenant.id)


def active_tags(tenant: Tenant, execution_id: UUID | str, **query: Any) -> list[dict[str, Any]]:
    response = tenant.api("viewer").get("/api/task-tags", flow_execution_id=str(execution_id), **query)
    assert response.status_code == 200, response.content
    # A long list comes as a file.
    tags: list[dict[str, Any]] = json.loads(response.getvalue() if response.streaming else response.content)
    return tags

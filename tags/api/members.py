"""/api/members: the people of the organization; for admins."""

from typing import Annotated, Any
from uuid import UUID

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from pydantic_core import PydanticCustomError
from rest_framework.request import Request
from rest_framework.response import Response

from tags.actions import organizations
from tags.api.authentication import caller_of
from tags.api.base import ApiView
from tags.api.validation import Wire, validated
from tags.db.tenancy import in_organization
from tags.models import Membership, Permission, Role

_ADMINS_ONLY = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Permission.ADMINISTER)


def _user_name(text: str) -> str:
    try:
        UnicodeUsernameValidator()(text)
    except ValidationError as error:
        raise PydanticCustomError("user_name", "Only letters, digits and @/./+/-/_") from error
    return text


class NewMember(Wire):
    username: Annotated[str, Field(min_length=1, max_length=150), AfterValidator(_user_name)]
    role: Role


class RoleChange(Wire):
    role: Role


class MemberObject(BaseModel):
    id: UUID
    user_id: UUID
    username: str
    role: Role
    created_at: AwareDatetime


class MemberList(BaseModel):
    members: list[MemberObject]


class MembersView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="list_members", responses={200: MemberList})
    def get(self, request: Request) -> Response:
        """The people of the organization, the first to join first."""
        organization_id = caller_of(request).organization_id
        with in_organization(organization_id):
            members = Membership.objects.in_organization(organization_id).select_related("user").order_by("created_at")
            return Response({"members": [member_json(member) for member in members]})

    @extend_schema(operation_id="add_member", request=NewMember, responses={201: MemberObject, 409: None})
    def post(self, request: Request) -> Response:
        """Add a person by user name; a new one gets a password from `manage.py changepassword`."""
        new = validated(NewMember, request.data)
        member = organizations.add_member(caller_of(request).organization_id, new.username, new.role)
        return Response(member_json(member), status=201)


class MemberView(ApiView):
    permissions = _ADMINS_ONLY

    @extend_schema(operation_id="change_member_role", request=RoleChange, responses={200: MemberObject, 409: None})
    def patch(self, request: Request, member_id: UUID) -> Response:
        """Give a member another role; the last admin stays one."""
        change = validated(RoleChange, request.data)
        member = organizations.change_role(caller_of(request).organization_id, member_id, change.role)
        return Response(member_json(member))

    @extend_schema(operation_id="remove_member", responses={204: None, 409: None})
    def delete(self, request: Request, member_id: UUID) -> Response:
        """End a membership; the last admin's stays."""
        organizations.remove_member(caller_of(request).organization_id, member_id)
        return Response(status=204)


def member_json(member: Membership) -> dict[str, Any]:
    return {
        "id": str(member.id),
        "user_id": str(member.user_id),
        "username": member.user.get_username(),
        "role": str(member.role),
        "created_at": member.created_at.isoformat(),
    }

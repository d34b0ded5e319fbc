from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tags.api.authentication import caller_of
from tags.errors import Forbidden
from tags.models import Permission

if TYPE_CHECKING:  # rest_framework.views imports this module
    from rest_framework.views import APIView


class HasPermission(BasePermission):
    """Compares what the caller may do with the view's `permissions`: HTTP method -> Permission; HEAD is as GET."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        caller = caller_of(request)
        permissions: dict[str, Permission] = getattr(view, "permissions", {})
        needed = permissions.get("GET" if request.method == "HEAD" else request.method or "")
        if needed is not None and needed not in caller.permissions:
            raise Forbidden(f"This needs the permission {needed.value!r}, which the caller does not have")
        return True

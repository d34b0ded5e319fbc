from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tags.api.authentication import caller_of, needed_permission
from tags.models.access import check_permission

if TYPE_CHECKING:  # rest_framework.views imports this module
    from rest_framework.views import APIView


class HasPermission(BasePermission):
    """Compares what the caller may do with what the view says that it needs."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        caller, needed = caller_of(request), needed_permission(request)
        if needed is not None:
            check_permission(needed, caller.permissions)
        return True

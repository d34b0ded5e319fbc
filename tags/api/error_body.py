"""The one place where an error becomes a response."""

from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, Field
from rest_framework import exceptions, status

from tags import errors
from tags.db import exact_json
from tags.errors import TagsiteError
from tags.request_context import current_request_id


def handle_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Django REST framework's EXCEPTION_HANDLER. None leaves a fault of ours to Django, which logs it."""
    known = as_tagsite_error(exception)
    return None if known is None else error_response(known)


def as_tagsite_error(exception: Exception) -> TagsiteError | None:
    if isinstance(exception, TagsiteError):
        return exception
    if isinstance(exception, OperationalError | InterfaceError):
        return errors.RepositoryError("The database cannot be reached; try again")
    if isinstance(exception, Http404):
        return errors.NotFound("Not found")
    if isinstance(exception, PermissionDenied):
        return errors.Forbidden("Not allowed")
    if isinstance(exception, exceptions.APIException):
        return _of_framework(exception)
    return None


class _FrameworkError(TagsiteError):
    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


_CODES = {
    status.HTTP_400_BAD_REQUEST: "bad_request",
    status.HTTP_401_UNAUTHORIZED: "user_info_not_found",
    status.HTTP_403_FORBIDDEN: "forbidden",
    status.HTTP_404_NOT_FOUND: "not_found",
    status.HTTP_405_METHOD_NOT_ALLOWED: "method_not_allowed",
    status.HTTP_406_NOT_ACCEPTABLE: "not_acceptable",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}


def _of_framework(exception: exceptions.APIException) -> TagsiteError:
    if isinstance(exception, exceptions.Throttled):
        wait = getattr(exception, "wait", None) or 1
        return errors.RateLimited("Too many attempts; wait before the next", retry_after=ceil(wait))
    code = _CODES.get(exception.status_code, "bad_request")
    return _FrameworkError(str(exception.detail), exception.status_code, code)


class ErrorDetail(BaseModel):
    loc: list[str | int] = Field(description="Where", examples=[["body", "tags", 3, "tag"]])
    msg: str
    type: str


class ErrorObject(BaseModel):
    message: str = Field(description="For people; may change")
    code: str = Field(description="For programs")
    details: list[ErrorDetail] | dict[str, Any] | None


class ErrorBody(BaseModel):
    """What every error looks like."""

    error: ErrorObject
    request_id: str = Field(description="The same as in the header `X-Request-ID`")


def error_response(error: TagsiteError) -> HttpResponse:
    """The contract's error body; 422 repeats its list under `detail`."""
    body: dict[str, Any] = {
        "error": {"message": error.message, "code": error.code, "details": error.details},
        "request_id": current_request_id(),
    }
    if error.status == status.HTTP_422_UNPROCESSABLE_ENTITY:
        body["detail"] = error.details
    response = HttpResponse(exact_json.dumps(body), content_type="application/json", status=error.status)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if error.status == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="tagsite"'
    return response


@csrf_exempt  # whatever the method and whoever asks: 404 before any other word
def not_found(request: HttpRequest) -> HttpResponse:
    """Any path below /api that is no endpoint's."""
    return error_response(errors.NotFound("Not found"))

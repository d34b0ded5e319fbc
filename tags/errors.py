"""What can go wrong, as the wire contract names it: each error carries its status, its code and its data."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

Location = Sequence[str | int]


class Detail(TypedDict):
    """One entry of an error's `details`: where, what, and which kind."""

    loc: list[str | int]
    msg: str
    type: str
    ctx: NotRequired[dict[str, Any]]


class TagsiteError(Exception):
    """The base of all errors that a caller is told of; `details` goes to the wire as it is."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, details: Sequence[Detail] | dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadRequest(TagsiteError):
    status, code = 400, "bad_request"


class NotAuthenticated(TagsiteError):
    status, code = 401, "user_info_not_found"


class Forbidden(TagsiteError):
    status, code = 403, "forbidden"


class NotFound(TagsiteError):
    """It does not exist or belongs to another organization; the message must be the same for both."""

    status, code = 404, "not_found"


class PayloadTooLarge(TagsiteError):
    status, code = 413, "payload_too_large"


class UnsupportedMediaType(TagsiteError):
    status, code = 415, "unsupported_media_type"


class Conflict(TagsiteError):
    status, code = 409, "conflict"


class Invalid(TagsiteError):
    """Understood, but a value is out of bounds; `details` is a list that names each place."""

    status, code = 422, "validation_error"


class RateLimited(TagsiteError):
    """Too many attempts; `retry_after` is in seconds."""

    status, code = 429, "rate_limited"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RepositoryError(TagsiteError):
    """The database cannot be reached; `retry_after` is in seconds."""

    status, code = 503, "repository_error"
    retry_after = 2


def detail(location: Location, message: str, kind: str) -> Detail:
    return {"loc": list(location), "msg": message, "type": kind}

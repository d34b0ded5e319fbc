"""The OpenAPI document, made from the views and the shapes beside them; here is what all operations have in common.

A view says what is its own with `extend_schema`; an error status among its `responses` (`409: None`) stands for the
shared response of that status. The errors that follow from the view's nature are added without being said.
"""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel

from tags.api.error_body import ErrorBody

_JSON = "application/json"
_EXAMPLE_REQUEST_ID = "01K8KABR6S16YETA2SZPVBS9SP"

# Each error status: the name of its shared response, its code, when it comes, and an example's message and details.
_ERRORS: dict[int, tuple[str, str, str, str, list[dict[str, Any]] | None]] = {
    400: (
        "BadRequest",
        "bad_request",
        "Not understood: malformed JSON, a missing field, an unknown operation, an id that is no UUID",
        "body.tags.0.task_name: Field required",
        [{"loc": ["body", "tags", 0, "task_name"], "msg": "Field required", "type": "missing"}],
    ),
    401: (
        "NotAuthenticated",
        "user_info_not_found",
        "No credential, or one that is invalid, expired or revoked",
        "The credential is missing, invalid, expired or revoked",
        None,
    ),
    403: (
        "Forbidden",
        "forbidden",
        "A known caller who may not do this; or a change in a browser session without the CSRF token",
        "This needs the permission 'tag', which the caller does not have",
        None,
    ),
    404: (
        "NotFound",
        "not_found",
        "Does not exist, or belongs to another organization",
        "Task not found",
        [{"loc": ["body", "tags", 0, "task_name"], "msg": "Task not found", "type": "not_found"}],
    ),
    405: (
        "MethodNotAllowed",
        "method_not_allowed",
        "The path exists, but not with this method; `Allow` names the others",
        'Method "PUT" not allowed.',
        None,
    ),
    406: (
        "NotAcceptable",
        "not_acceptable",
        "The `Accept` header leaves no room for JSON",
        "Could not satisfy the request Accept header.",
        None,
    ),
    409: (
        "Conflict",
        "conflict",
        "A state that does not allow it",
        "The task execution was changed since it was read; read it again and repeat the change",
        None,
    ),
    413: (
        "PayloadTooLarge",
        "payload_too_large",
        "The body is larger than the endpoint takes; it was not read",
        "The body is larger than 1048576 bytes",
        None,
    ),
    415: (
        "UnsupportedMediaType",
        "unsupported_media_type",
        "The body must be `application/json` in UTF-8",
        'Unsupported media type "text/plain" in request.',
        None,
    ),
    422: (
        "Invalid",
        "validation_error",
        "Understood, but a value is out of bounds or of the wrong JSON type; `detail` repeats `error.details`",
        "body.tags.0.tag: String should have at least 1 character",
        [
            {
                "loc": ["body", "tags", 0, "tag"],
                "msg": "String should have at least 1 character",
                "type": "string_too_short",
            }
        ],
    ),
    429: ("RateLimited", "rate_limited", "Too many attempts", "Too many attempts; wait before the next", None),
    500: (
        "InternalError",
        "internal_error",
        "A fault of ours; the request id finds it in the log",
        "An error on our side; the request id finds it in the log",
        None,
    ),
    503: (
        "Unavailable",
        "repository_error",
        "The database cannot be reached",
        "The database cannot be reached; try again",
        None,
    ),
}
_ALWAYS = {400, 401, 406, 500, 503}


STREAM_POSITION = OpenApiParameter(
    "X-Stream-Position",
    {"type": "integer", "minimum": 0},
    OpenApiParameter.HEADER,
    response=[200],
    required=True,
    description="Up to which event the list is known to be true: what to ask events `after`",
)


def query_parameters(shape: type[BaseModel]) -> list[Any]:
    """For `extend_schema(parameters=...)`: it takes a pydantic model as it takes a serializer, but is not typed so."""
    return [shape]


class ContractSchema(AutoSchema):
    def get_summary(self) -> str | None:
        return self._documentation()[0]

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's is without arguments too
        return self._documentation()[1]

    def _documentation(self) -> tuple[str, str]:
        """A docstring's first line, without its stop, and the rest."""
        first, _, rest = super().get_description().partition("\n")
        return first.removesuffix("."), rest.strip()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            parameters = operation.setdefault("parameters", [])
            for parameter in parameters:
                _drop_null(parameter["schema"])
                _tidy(parameter["schema"])
            parameters.append({"$ref": "#/components/parameters/RequestId"})
            self._add_common_responses(operation)
        return operation

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        schema = {"type": "string", "format": "uuid"}
        return [{"in": "path", "name": name, "schema": dict(schema), "required": True} for name in variables]

    def _add_common_responses(self, operation: dict[str, Any]) -> None:
        said = operation["responses"]
        errors = {int(status) for status in said if status >= "400"} | self._implied_errors(operation)
        operation["responses"] = {
            **{status: _described(status, response) for status, response in said.items() if status < "400"},
            **{str(status): {"$ref": f"#/components/responses/{_ERRORS[status][0]}"} for status in sorted(errors)},
        }

    def _implied_errors(self, operation: dict[str, Any]) -> set[int]:
        errors = set(_ALWAYS)
        if self.view.get_authenticators() and (self.method != "GET" or hasattr(self.view, "permissions")):
            errors.add(403)
        if "{" in self.path:
            errors.add(404)
        if "requestBody" in operation:
            errors |= {413, 415, 422}
        if any(parameter.get("in") == "query" for parameter in operation["parameters"]):
            errors.add(422)
        if self.view.get_throttles():
            errors.add(429)
        return errors


def _described(status: str, response: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}, **response.get("headers", {})}
    return {**response, "description": HTTPStatus(int(status)).phrase, "headers": headers}


def _drop_null(schema: dict[str, Any]) -> None:
    """A query parameter is there or it is not; it is never null."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if kinds:
        (kind,) = kinds
        schema.update(kind)


def _tidy(schema: dict[str, Any]) -> None:
    """Without what says nothing: a title that repeats the name, and null for a field that may be absent."""
    schema.pop("title", None)
    if "default" in schema and schema["default"] in (None, []):
        del schema["default"]


def add_common_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Django REST framework's POSTPROCESSING_HOOKS: what the operations refer to."""
    components = result.setdefault("components", {})
    body = ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas.update({**body.pop("$defs"), "ErrorBody": body})
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            _tidy(member)
    components["responses"] = {name: _error_response(status) for status, (name, *_) in _ERRORS.items()}
    components["headers"] = _HEADERS
    components["parameters"] = {"RequestId": _REQUEST_ID_PARAMETER}
    return result


_HEADERS = {
    "RequestId": {
        "description": "The id of this request; the same as in an error's body and in the server's log",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.:-]{1,64}$"},
        "example": _EXAMPLE_REQUEST_ID,
    },
    "RetryAfter": {
        "description": "Seconds to wait before the next attempt",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
_REQUEST_ID_PARAMETER = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "An id of the caller's: at most 64 letters, digits and `_.:-`; else the server makes one",
    "schema": {"type": "string"},
}


def _error_response(status: int) -> dict[str, Any]:
    _, code, description, message, details = _ERRORS[status]
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    example = {
        "error": {"message": message, "code": code, "details": details},
        "request_id": _EXAMPLE_REQUEST_ID,
        **({"detail": details} if status == 422 else {}),
    }
    return {
        "description": description,
        "headers": headers,
        "content": {_JSON: {"schema": _error_schema(status, code), "example": example}},
    }


def _error_schema(status: int, code: str) -> dict[str, Any]:
    """The shared body, with the one code that this status has."""
    own: dict[str, Any] = {"properties": {"error": {"properties": {"code": {"const": code}}}}}
    if status == 422:
        own["properties"]["detail"] = {"type": "array", "items": {"$ref": "#/components/schemas/ErrorDetail"}}
        own["required"] = ["detail"]
    return {"allOf": [{"$ref": "#/components/schemas/ErrorBody"}, own]}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "tags.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The API key of a service account",
        }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "tags.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from /api/auth/token, or an API key",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "tags.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A browser's session; a change needs the CSRF cookie's token in the header X-CSRFToken too",
        }

"""Holds every response that a test gets against the OpenAPI document, so that it cannot promise what is not done."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_BASE = "urn:tagsite"
# What tells of the API is not in the document itself; and every path answers OPTIONS as Django REST framework does.
_UNDOCUMENTED_PATHS = {"/api/schema", "/api/docs"}
_UNDOCUMENTED_METHODS = {"OPTIONS"}
# What may be answered to a path or a method that does not exist.
_WITHOUT_OPERATION = {400, 401, 404, 405, 406, 500, 503}

formats = FormatChecker(formats=["uuid"])


@formats.checks("date-time", raises=ValueError)
def _is_utc_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).utcoffset() == timedelta(0)


@dataclass(frozen=True)
class Exchange:
    """One request and its response, as they were on the wire."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    sent: bytes = b""

    @classmethod
    def of(cls, response: Any, sent: bytes = b"") -> "Exchange":
        request = response.wsgi_request
        headers = {name.lower(): value for name, value in response.items()}
        return cls(request.method, request.path, response.status_code, headers, _content(response), sent)


def _content(response: Any) -> bytes:
    """The body; a streamed one is put back."""
    if not response.streaming:
        return bytes(response.content)
    content = b"".join(response.streaming_content)
    response.streaming_content = iter([content])
    return content


class Document:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = DRAFT202012.create_resource(_closed(document))
        self.registry: Registry = Registry().with_resource(_BASE, resource)
        self.paths = [(_pattern(template), template) for template in document["paths"]]

    def check(self, exchange: Exchange) -> None:
        """Raises AssertionError if the document does not describe this response, or not this way."""
        if exchange.path.rstrip("/") in _UNDOCUMENTED_PATHS or exchange.method in _UNDOCUMENTED_METHODS:
            return
        pointer = self._operation(exchange)
        response = self._response(pointer, exchange)
        self._check_headers(response, exchange)
        self._check_body(response, exchange)
        if pointer and 200 <= exchange.status < 300:
            self._check_request(pointer, exchange)

    def _operation(self, exchange: Exchange) -> str | None:
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        for pattern, template in self.paths:
            if pattern.fullmatch(exchange.path.rstrip("/")) and method in self.document["paths"][template]:
                return f"/paths/{template.replace('/', '~1')}/{method}"
        return None

    def _response(self, operation: str | None, exchange: Exchange) -> str:
        """The pointer to the described response."""
        label = f"{exchange.method} {exchange.path} -> {exchange.status}"
        if operation is None:
            assert exchange.status in _WITHOUT_OPERATION, f"{label}: no such operation is documented"
            return self._shared_response(exchange.status)
        pointer = f"{operation}/responses/{exchange.status}"
        described = self._at(f"{operation}/responses").get(str(exchange.status))
        assert described is not None, f"{label}: this status is not documented"
        return described["$ref"].removeprefix("#") if "$ref" in described else pointer

    def _shared_response(self, status: int) -> str:
        if status == 405:
            return "/components/responses/MethodNotAllowed"
        operations = (operation for path in self.document["paths"].values() for operation in path.values())
        shared = (operation["responses"].get(str(status)) for operation in operations)
        return next(response["$ref"].removeprefix("#") for response in shared if response)

    def _check_headers(self, response: str, exchange: Exchange) -> None:
        for name, header in self._at(response).get("headers", {}).items():
            described = self._at(header["$ref"].removeprefix("#")) if "$ref" in header else header
            assert name.lower() in exchange.headers, f"the documented header {name} is missing"
            value = exchange.headers[name.lower()]
            typed = int(value) if described["schema"].get("type") == "integer" else value
            self._validate(described["schema"], typed)

    def _check_body(self, response: str, exchange: Exchange) -> None:
        content = self._at(response).get("content")
        if content is None or exchange.method == "HEAD":
            assert not exchange.body, "a body where none is documented"
            return
        media_type = exchange.headers.get("content-type", "").partition(";")[0]
        assert media_type in content, f"content type {media_type!r} is not documented"
        schema = f"{response}/content/{media_type.replace('/', '~1')}/schema"
        body = json.loads(exchange.body)
        self._validate({"$ref": f"{_BASE}#{schema}"}, body)
        if exchange.status >= 400:
            _check_error(body, exchange)

    def _check_request(self, operation: str, exchange: Exchange) -> None:
        """What the server accepted is what the document allows; additional fields are."""
        body = self._at(operation).get("requestBody")
        if body and (exchange.sent or body.get("required")):
            schema = f"{operation}/requestBody/content/application~1json/schema"
            self._validate({"$ref": f"{_BASE}#{schema}"}, json.loads(exchange.sent), formatted=None)

    def _at(self, pointer: str) -> Any:
        value: Any = self.document
        for step in pointer.strip("/").split("/"):
            value = value[step.replace("~1", "/")]
        return value

    def _validate(self, schema: dict[str, Any], value: Any, formatted: FormatChecker | None = formats) -> None:
        errors = list(Draft202012Validator(schema, registry=self.registry, format_checker=formatted).iter_errors(value))
        assert not errors, "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors)


def _check_error(body: dict[str, Any], exchange: Exchange) -> None:
    expected = {"error", "request_id"} | ({"detail"} if exchange.status == 422 else set())
    assert set(body) == expected
    assert body["request_id"] == exchange.headers["x-request-id"]
    if exchange.status == 422:
        assert body["detail"] == body["error"]["details"]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[0-9a-fA-F-]{36}", re.escape(template)))


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document for the tests: a response that says more than its shape is wrong too."""
    closed: dict[str, Any] = json.loads(json.dumps(document))
    requests = {name for path in document["paths"].values() for name in _request_shapes(path)}
    for name, schema in closed["components"]["schemas"].items():
        if "properties" in schema and name not in requests | {"ErrorBody", "TagOperation"}:
            schema["additionalProperties"] = False
    return closed


def _request_shapes(path: dict[str, Any]) -> list[str]:
    bodies = [operation["requestBody"] for operation in path.values() if "requestBody" in operation]
    schemas = [body["content"]["application/json"]["schema"] for body in bodies]
    return [schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema]


@cache
def document() -> Document:
    return Document(json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True))))


_generic = Client.generic


def checked_generic(client: Client, method: str, path: str, data: Any = "", *args: Any, **more: Any) -> HttpResponse:
    """Django's `Client.generic`, through which all its requests go, with a look at each response of the API."""
    response = _generic(client, method, path, data, *args, **more)
    if response.wsgi_request.path.startswith("/api/"):
        document().check(Exchange.of(response, data.encode() if isinstance(data, str) else data))
    return response

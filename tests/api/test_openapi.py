"""The OpenAPI document and its page; and the check that holds every response against it."""

import json
import re
from contextlib import closing, suppress
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from tags.api import document as api_document
from tests.api.openapi import Exchange, document, formats
from tests.cast import Api, Tenant
from tests.clients import Client
from tests.races.threads import together

ANONYMOUS = Api()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = document().document["paths"].items()
    return [(method, path, operation) for path, methods in paths for method, operation in methods.items()]


def test_spectacular_finds_nothing_to_warn_of() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_the_document_needs_no_credential() -> None:
    response = ANONYMOUS.get("/api/schema")
    assert response.status_code == 200
    assert json.loads(response.content)["openapi"].startswith("3.1.")


def test_the_document_is_made_once_whoever_asks_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    made, both = [], Barrier(2)

    def make(*_: Any, **__: Any) -> Any:
        made.append(1)
        with suppress(BrokenBarrierError):  # as the second never comes
            both.wait(0.3)
        return {}

    monkeypatch.setattr(SchemaGenerator, "get_schema", make)
    api_document._made.cache_clear()
    try:
        assert together(*[api_document.document] * 4) == [{}] * 4
    finally:
        api_document._made.cache_clear()
    assert len(made) == 1


def test_a_bad_credential_does_not_hide_the_document() -> None:
    assert Api({"X-API-Key": "nonsense"}).get("/api/schema").status_code == 200


def test_the_page_needs_no_credential() -> None:
    response = ANONYMOUS.get("/api/docs")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")


class _Loaded(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attributes if name in ("src", "href") and value]


def test_the_page_loads_everything_from_its_own_host() -> None:
    page = ANONYMOUS.get("/api/docs").content.decode()
    loaded = _Loaded()
    loaded.feed(page)
    assert len(loaded.addresses) >= 3
    for address in loaded.addresses:
        assert re.match(r"/static/(drf_spectacular_sidecar|tags)/|/api/docs\?script=", address)
        with closing(Client().get(address)) as response:
            assert response.status_code == 200
            assert response.getvalue()
    script = ANONYMOUS.get("/api/docs?script=").content.decode()
    # The badge of the online validator is the one thing that Swagger UI would fetch elsewhere.
    assert '"validatorUrl": null' in script
    assert "://" not in page


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_every_operation_has_a_summary_and_one_tag() -> None:
    for method, path, operation in operations():
        assert operation.get("summary"), (method, path)
        assert len(operation["tags"]) == 1, (method, path)


def test_every_example_is_valid_under_its_own_schema() -> None:
    examples = list(_examples())
    assert len(examples) > 15
    for schema, example in examples:
        registry = document().registry
        rooted = json.loads(json.dumps(schema).replace('"#/', '"urn:tagsite#/'))
        Draft202012Validator(rooted, registry=registry, format_checker=formats).validate(example)


def _examples() -> Any:
    bodies = [operation[part] for _, _, operation in operations() for part in ("requestBody",) if part in operation]
    responses = [response for _, _, operation in operations() for response in operation["responses"].values()]
    shared = list(document().document["components"]["responses"].values())
    for body in [*bodies, *responses, *shared]:
        for media in body.get("content", {}).values():
            values = [example["value"] for example in media.get("examples", {}).values()]
            yield from ((media["schema"], value) for value in values)
            if "example" in media:
                yield media["schema"], media["example"]


def test_the_ways_in_are_the_contracts_three() -> None:
    schemes = document().document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("name", scheme.get("scheme"))) for scheme in schemes.values()} == {
        ("apiKey", "X-API-Key"),
        ("http", "bearer"),
        ("apiKey", "sessionid"),
    }


def test_the_batch_documents_its_limits() -> None:
    schemas = document().document["components"]["schemas"]
    batch, operation = schemas["TagBatch"]["properties"]["tags"], schemas["TagOperation"]["properties"]
    assert (batch["minItems"], batch["maxItems"]) == (1, 100)
    assert {name: operation[name]["maxLength"] for name in ("task_name", "tag", "tag_type")} == {
        "task_name": 200,
        "tag": 200,
        "tag_type": 100,
    }


# The check itself can fail: each of these takes a true exchange and makes one thing of it untrue.


@pytest.fixture
def listed(tenant: Tenant) -> Exchange:
    execution = tenant.execution("extract")
    return Exchange.of(tenant.api().get("/api/flow-executions", flow_id=str(execution.flow_id)))


@pytest.fixture
def unknown(tenant: Tenant) -> Exchange:
    return Exchange.of(tenant.api().get("/api/flow-executions"))


def test_a_true_exchange_passes(listed: Exchange, unknown: Exchange) -> None:
    document().check(listed)
    document().check(unknown)


def changed(exchange: Exchange, **fields: Any) -> Exchange:
    body = json.loads(exchange.body)
    target = body[0] if isinstance(body, list) else body
    target.update(fields)
    return replace(exchange, body=json.dumps(body).encode())


def test_the_check_sees_an_undocumented_status(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="status is not documented"):
        document().check(replace(listed, status=206))


def test_the_check_sees_an_undocumented_field(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="surprise"):
        document().check(changed(listed, surprise=1))


def test_the_check_sees_a_wrong_type(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="flow_version"):
        document().check(changed(listed, flow_version="1"))


def test_the_check_sees_a_time_that_is_not_in_utc(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="created_at"):
        document().check(changed(listed, created_at="2026-01-01T00:00:00+02:00"))


def test_the_check_sees_a_wrong_content_type(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="content type"):
        document().check(replace(listed, headers={**listed.headers, "content-type": "text/html"}))


@pytest.mark.parametrize("name", ["x-total-count", "x-request-id"])
def test_the_check_sees_a_missing_header(listed: Exchange, name: str) -> None:
    headers = {key: value for key, value in listed.headers.items() if key != name}
    with pytest.raises(AssertionError, match="header"):
        document().check(replace(listed, headers=headers))


def test_the_check_sees_a_request_id_that_differs_from_the_header(unknown: Exchange) -> None:
    with pytest.raises(AssertionError):
        document().check(changed(unknown, request_id="another"))


def test_the_check_sees_a_code_of_another_status(unknown: Exchange) -> None:
    error = {**json.loads(unknown.body)["error"], "code": "conflict"}
    with pytest.raises(AssertionError, match="bad_request"):
        document().check(changed(unknown, error=error))


def test_the_check_sees_a_path_that_is_not_documented(listed: Exchange) -> None:
    with pytest.raises(AssertionError, match="no such operation"):
        document().check(replace(listed, path="/api/secrets"))


def test_the_check_sees_an_accepted_request_that_the_document_refuses(tenant: Tenant) -> None:
    response = tenant.api().post("/api/flow-executions", {"flow_name": "invoices", "input": {}})
    with pytest.raises(AssertionError, match="flow_name"):
        document().check(Exchange.of(response, b'{"flow_name": 7}'))

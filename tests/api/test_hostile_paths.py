"""Parameters and paths that nobody sends in good faith."""

import json

import pytest
from django.http import HttpResponse

from tests.api.calls import UNKNOWN_ID
from tests.api.openapi import document
from tests.api.stage import Stage, pointer

# Query parameters

QUERY = [
    "",
    "%00",
    "a%00b",
    "%",
    "%z",
    "%zz",
    "%u0041",
    "%ff",
    "%c0%af",
    "%ed%a0%80",
    "%f0%9f%9a%80",
    "%0d%0aX-Injected:%201",
    "+",
    "%2B",
    "x",
    "null",
    "undefined",
    "true",
    "-1",
    "0",
    "1.0",
    "1.5",
    "1e3",
    "1e400",
    "NaN",
    "inf",
    "-inf",
    "\u0663",
    "\uff11",
    "0x10",
    "1_000",
    "9" * 400,
    "9" * 5_000,
    str(2**31),
    str(2**63),
    str(2**64),
    "[]",
    "{}",
    "x" * 10_000,
    "%F0%9F%9A%80" * 301,
    "' OR 1=1 --",
    "%25s",
    "../../etc/passwd",
    "0000-00-00",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
    "infinity",
    "1e18",
    "-99999999999999",
    UNKNOWN_ID,
    "eyJhIjoxfQ==",
    "MDAwMS0wMS0wMXwwMTg5MDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA=",
    "OTk5OS0xMi0zMVQyMzo1OTo1OS45OTk5OTktMjM6NTl8MDE4OTAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw",
]

PARAMETERS = [
    (operation["operationId"], parameter["name"])
    for methods in document().document["paths"].values()
    for operation in methods.values()
    for parameter in operation["parameters"]
    if parameter.get("in") == "query"
]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS, ids=lambda part: str(part))
def test_no_value_of_a_parameter_breaks_anything(quiet: Stage, name: str, parameter: str) -> None:
    before = quiet.stored()
    wrong = []
    for value in QUERY:
        status = asked(quiet, name, f"{parameter}={value}").status_code
        if status not in (200, 400, 404, 422):
            wrong.append((value[:50], status))
    assert wrong == []
    assert quiet.stored() == before


def asked(quiet: Stage, name: str, query: str) -> HttpResponse:
    """The operation with what it requires, and this query behind it."""
    _, method, path = pointer(name).rsplit("/", 1)[0], pointer(name).rsplit("/", 1)[1], _path(name)
    required = {
        "list_task_tags": f"flow_execution_id={quiet.execution.id}&",
        "list_flow_executions": f"flow_id={quiet.execution.flow_id}&",
    }
    if name == "set_flow_execution_status":
        path = path.replace("{execution_id}", UNKNOWN_ID)
    body = json.dumps({"id": str(quiet.record.id)}) if method == "put" else ""
    api = quiet.apis["program"]
    call = getattr(api.client, method)
    more = {"data": body, "content_type": "application/json"} if method != "get" else {}
    return call(f"{path}?{required.get(name, '')}{query}", headers=api.headers, **more)


def _path(name: str) -> str:
    return pointer(name).split("/")[2].replace("~1", "/")


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS, ids=lambda part: str(part))
def test_a_parameter_may_be_repeated_without_harm(quiet: Stage, name: str, parameter: str) -> None:
    for many in (2, 101, 900, 1_500):
        assert asked(quiet, name, "&".join([f"{parameter}=x"] * many)).status_code in (200, 400, 404, 422)


@pytest.mark.parametrize("query", ["=", "&&&", "?", "=1", "a", "%", ";", "a=1;b=2", "a[]=1", "a%00=1", "__proto__=1"])
@pytest.mark.parametrize("name", sorted({name for name, _ in PARAMETERS}))
def test_no_query_string_breaks_anything(quiet: Stage, name: str, query: str) -> None:
    assert asked(quiet, name, query).status_code in (200, 400, 404, 422)


# Paths

IDS = [
    "x",
    "7",
    "-1",
    "%00",
    "%0a",
    UNKNOWN_ID + "%00",
    UNKNOWN_ID + "%0a",
    UNKNOWN_ID + "0",
    UNKNOWN_ID[:-1],
    "{" + UNKNOWN_ID + "}",
    UNKNOWN_ID.replace("-", ""),
    UNKNOWN_ID.replace("0", "\u0660"),
    UNKNOWN_ID.replace("0", "\uff10"),
    "%ff",
    "%",
    "%zz",
    "..",
    "%2e%2e",
    ".",
    "*",
    "' OR 1=1 --",
    "x" * 8_000,
    "\U0001f680",
    ";a=b",
    "null",
]


@pytest.mark.parametrize(
    "path",
    [
        "/api/task-executions/{}",
        "/api/flow-executions/{}",
        "/api/flow-executions/{}/status",
        "/api/service-accounts/{}",
        "/api/service-accounts/{}/api-keys",
        "/api/members/{}",
    ],
)
@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_path_with_a_strange_id_is_not_found_or_not_allowed(quiet: Stage, path: str, method: str) -> None:
    before = quiet.stored()
    api = quiet.apis["admin"]
    wrong = {}
    for id in IDS:
        status = getattr(api.client, method)(path.format(id), headers=api.headers).status_code
        if status not in (404, 405):
            wrong[id[:60]] = status
    assert wrong == {}
    assert quiet.stored() == before

"""Content types, credentials and headers that nobody sends in good faith."""

import json

import pytest

from tests.api.stage import Stage, every_write
from tests.cast import Api

# Content type

NOT_JSON = [
    "text/plain",
    "text/html",
    "text/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/octet-stream",
    "application/jsonp",
    "application/json-patch+json",
    "application/vnd.api+json",
    "json",
    "/",
    ";",
    ",",
    "application/json, text/plain",
    "x" * 10_000,
    "application/json; charset=utf-16",
    "application/json; charset=latin-1",
    "application/json; charset=nonsense",
    "application/json; charset=" + "x" * 10_000,
    "application/json; charset=idna",
    "é",
]


@every_write
def test_a_body_of_another_type_or_charset_is_unsupported_and_changes_nothing(stage: Stage, name: str) -> None:
    write = stage.writes[name]
    body = json.dumps(write.body)
    before = stage.stored()
    wrong = {}
    for content_type in NOT_JSON:
        status = stage.send(write, body, content_type=content_type).status_code
        if status != 415:
            wrong[content_type] = status
    assert wrong == {}
    assert stage.stored() == before


def test_a_body_without_a_content_type_is_unsupported(stage: Stage) -> None:
    write = stage.writes["change_task_tags"]
    assert stage.send(write, json.dumps(write.body), content_type="").status_code == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json; charset=utf8",
        "application/json; charset=us-ascii",
        "application/json; profile=x",
        "application/json;",
    ],
)
def test_json_may_be_said_in_several_ways(stage: Stage, content_type: str) -> None:
    write = stage.writes["change_task_tags"]
    assert stage.send(write, json.dumps(write.body), content_type=content_type).status_code == 200


# Headers

CREDENTIALS = [
    {"X-API-Key": "x" * 100_000},
    {"X-API-Key": "é"},
    {"X-API-Key": "\xff\xfe"},
    {"X-API-Key": "tagsite_" + "\u00e9" * 50},
    {"X-API-Key": "\t"},
    {"X-API-Key": "' OR 1=1 --"},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer\t"},
    {"Authorization": "Bearer " + "x" * 100_000},
    {"Authorization": "Bearer " + "." * 10_000},
    {"Authorization": "Bearer é.é.é"},
    {"Authorization": "Bearer \xff\xfe"},
    {"Authorization": "Bearer tagsite_\xff"},
    {"Authorization": "Bearer a b c"},
    {"Authorization": "Basic YTpi"},
    {"Authorization": "Digest x"},
    {"Authorization": "x" * 10_000},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    {"Authorization": "Bearer bnVsbA.bnVsbA.x"},
    {"Authorization": "Bearer W10.e30.x"},
    {"Cookie": "sessionid=" + "x" * 10_000},
    {"Cookie": "sessionid=\xff; sessionid=y"},
    {"Cookie": "=;;;="},
]


@pytest.mark.parametrize("headers", CREDENTIALS, ids=range(len(CREDENTIALS)))
def test_a_strange_credential_is_no_credential(headers: dict[str, str]) -> None:
    assert Api(headers).get("/api/profile/me").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Request-ID": "\xff"},
        {"X-Request-ID": "x" * 100_000},
        {"X-Forwarded-For": "x" * 10_000},
        {"X-Forwarded-Proto": "gopher"},
        {"Accept-Language": "x" * 10_000},
        {"Accept-Encoding": "\xff"},
        {"If-Modified-Since": "yesterday"},
        {"If-None-Match": "*"},
        {"Range": "bytes=0-"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Content-Encoding": "gzip"},
        {"Expect": "100-continue"},
        {"Content-Length": "x"},
        {"Referer": "\xff"},
    ],
    ids=str,
)
def test_a_strange_header_does_not_matter(quiet: Stage, headers: dict[str, str]) -> None:
    api = quiet.apis["program"]
    assert api.client.get("/api/profile/me", headers={**api.headers, **headers}).status_code == 200


@pytest.mark.parametrize("accept", [";;;", "x" * 10_000, "application", "\xff", "a/b;q=x", "*;q=1", ",,,"])
def test_a_strange_accept_header_is_at_most_not_acceptable(quiet: Stage, accept: str) -> None:
    api = quiet.apis["program"]
    status = api.client.get("/api/profile/me", headers={**api.headers, "Accept": accept}).status_code
    assert status in (200, 400, 406)

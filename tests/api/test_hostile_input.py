"""Input that nobody sends in good faith, on every write endpoint, every parameter and every header.

Three rules hold for all of it: never a 5xx, an error has the contract's body (tests/api/openapi.py looks at every
response), and what is refused changes nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from jsonschema import Draft202012Validator
from psycopg import Connection

from tags.models.ids import uuid7
from tests.api.calls import UNKNOWN_ID, active_tags
from tests.api.openapi import document, formats
from tests.cast import Api, Tenant, operation

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Write:
    """A write endpoint, and a body that it would take."""

    method: str
    path: str
    who: str
    body: dict[str, Any]
    operation: str
    most: int = MEBIBYTE


class Stage:
    """One organization with something of everything, and what is stored of it."""

    def __init__(self, tenant: Tenant, owner: Connection) -> None:
        self.tenant, self.owner = tenant, owner
        self.execution = tenant.execution("extract")
        self.record = tenant.task(self.execution, "check", output=1)
        self.apis = {who: tenant.api(who) for who in ("program", "admin", "reviewer", "viewer")}
        account = self.apis["admin"].get("/api/service-accounts").json()["service_accounts"][0]["id"]
        key = self.apis["admin"].get(f"/api/service-accounts/{account}/api-keys").json()["api_keys"][0]["id"]
        members = self.apis["admin"].get("/api/members").json()["members"]
        viewer = next(member["id"] for member in members if member["role"] == "viewer")
        self.writes = writes(self, account, key, viewer)

    def send(self, write: Write, body: bytes | str, **headers: str) -> HttpResponse:
        api = self.apis[write.who]
        content_type = headers.pop("content_type", "application/json")
        data = body.encode() if isinstance(body, str) else body
        method = write.method.upper()
        return api.client.generic(method, write.path, data, content_type, headers={**api.headers, **headers})

    def stored(self) -> str:
        """A digest of every row version of the organization, and how many people there are."""
        return str(self.owner.execute(_STORED, {"organization_id": self.tenant.id}).fetchone())


# Whatever is inserted, updated or deleted gives a row a new place and a new transaction. (The last use of a key is
# no change of anybody's.)
_TABLES = [
    "event_stream",
    "event",
    "flow",
    "flow_execution",
    "task_execution",
    "task_tag",
    "membership",
    "service_account",
    "ws_ticket",
]
_VERSIONS = " UNION ALL ".join(
    f"SELECT '{table}', ctid::text, xmin::text FROM {table} WHERE organization_id = %(organization_id)s"
    for table in _TABLES
)
_STORED = f"""
    SELECT md5(string_agg(version::text, ',' ORDER BY version::text)), (SELECT count(*) FROM "user"),
           (SELECT array_agg((id, name, prefix, expires_at, revoked_at) ORDER BY id)::text
            FROM api_key WHERE organization_id = %(organization_id)s)
    FROM ({_VERSIONS}) AS version
"""


def writes(stage: Stage, account: str, key: str, viewer: str) -> dict[str, Write]:
    execution_id = str(stage.execution.id)
    tag = operation("add", execution_id, "extract", "approved", tag_metadata={"by": "ada"})
    report = {
        "flow_execution_id": execution_id,
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "completed",
        "edited_status": "not_edited",
        "stale_status": "consistent",
        "input": {"a": 1},
        "output": [1],
        "error": None,
        "source_task_executions": [UNKNOWN_ID],
        "started_at": "2026-01-31T09:00:00Z",
        "completed_at": "2026-01-31T09:00:00Z",
        "credits": 3,
    }
    correction = {
        **report,
        "id": str(stage.record.id),
        "task_name": "check",
        "updated_at": None,
    }
    flow = {
        "id": str(uuid7()),
        "flow_id": str(stage.execution.flow_id),
        "flow_name": "invoices",
        "flow_version": 1,
        "status": "queued",
        "input": {},
    }
    accounts = "/api/service-accounts"
    account_body = {"name": "robot", "scopes": ["read"], "kind": "integration"}
    key_body = {"name": "key", "expires_at": "2030-01-01T00:00:00Z"}
    log_in = {"username": "ada", "password": "secret", "organization_id": UNKNOWN_ID}
    sixteen = 16 * MEBIBYTE
    executions = "/api/task-executions"
    found = [
        Write("patch", "/api/task-tags", "program", {"tags": [tag]}, "change_task_tags"),
        Write("post", executions, "program", report, "report_task_execution", sixteen),
        Write("put", executions, "reviewer", correction, "correct_task_execution", sixteen),
        Write("post", "/api/flow-executions", "program", flow, "create_flow_execution"),
        Write("post", accounts, "admin", account_body, "create_service_account"),
        Write("patch", f"{accounts}/{account}", "admin", {"name": "worker"}, "change_service_account"),
        Write("post", f"{accounts}/{account}/api-keys", "admin", key_body, "create_api_key"),
        Write("patch", f"{accounts}/{account}/api-keys/{key}", "admin", {"name": "first"}, "rename_api_key"),
        Write("post", "/api/members", "admin", {"username": "ada", "role": "viewer"}, "add_member"),
        Write("patch", f"/api/members/{viewer}", "admin", {"role": "viewer"}, "change_member_role"),
        Write("post", "/api/ws-tickets", "viewer", {}, "create_ws_ticket"),
        Write("post", "/api/auth/token", "viewer", log_in, "log_in"),
        Write("post", "/api/auth/token/refresh", "viewer", {"refresh_token": "x"}, "refresh_tokens"),
    ]
    return {write.operation: write for write in found}


OPERATIONS = [
    operation["operationId"]
    for methods in document().document["paths"].values()
    for operation in methods.values()
    # OpenLineage's events are held to its own specification, and refused one by one: tests/ingest.
    if "requestBody" in operation and operation["operationId"] != "report_lineage"
]
every_write = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    import psycopg

    from tests.database import OWNER_URL

    with psycopg.connect(OWNER_URL, autocommit=True) as owner:
        yield Stage(Tenant.create(), owner)


@pytest.fixture(scope="module")
def quiet(stage: Stage) -> Stage:
    """Another organization, with little in it, for what only reads."""
    return Stage(Tenant.create(), stage.owner)


def test_the_stage_has_every_endpoint_that_takes_a_body(stage: Stage) -> None:
    assert set(stage.writes) == set(OPERATIONS)


# Bodies that are not a JSON object in UTF-8


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


NOT_AN_OBJECT: dict[str, bytes] = {
    "empty": b"",
    "a space": b" ",
    "null": b"null",
    "true": b"true",
    "a number": b"7",
    "a text": b'"tags"',
    "an array": b"[]",
    "an array of objects": b'[{"tags": []}]',
    "an open brace": b"{",
    "a brace too many": b"{}}",
    "two values": b"{}{}",
    "a trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1 /* one */}',
    "a bare key": b"{a: 1}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [Infinity]}',
    "-Infinity": b'{"a": {"b": -Infinity}}',
    "nan": b'{"a": nan}',
    "a leading zero": b'{"a": 01}',
    "a plus": b'{"a": +1}',
    "a bare fraction": b'{"a": .5}',
    "hexadecimal": b'{"a": 0x10}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "an overlong encoding": b'{"a": "\xc0\xaf"}',
    "an encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "past the last character": b'{"a": "\xf4\x90\x80\x80"}',
    "a cut character": b'{"a": "\xf0\x9f\x9a"}',
    "a NUL byte": b"\x00",
    "a NUL byte in a text": b'{"a": "\x00"}',
    "a NUL byte at the end": b"{}\x00",
    "a raw newline in a text": b'{"a": "\n"}',
    "a bad escape": b'{"a": "\\x41"}',
    "a cut escape": b'{"a": "\\u12"}',
    "duplicate keys": b'{"a": 1, "a": 1}',
    "duplicate keys by escape": b'{"a": 1, "\\u0061": 2}',
    "duplicate keys far down": b'{"a": [{"b": {"c": 1, "c": 1}}]}',
    "a form": b"a=1&b=2",
    "XML": b"<tags/>",
    "binary": bytes(range(256)),
    "an unclosed depth": b"[" * 100_000,
    "an unclosed depth of objects": b'{"a":' * 100_000,
    "a closed depth": deep(100_000).encode(),
    "a closed depth of objects": deep(50_000, '{"a":[', "]}").encode(),
}


@every_write
def test_what_is_no_json_object_is_refused_and_changes_nothing(stage: Stage, name: str) -> None:
    before = stage.stored()
    wrong = {}
    for label, body in NOT_AN_OBJECT.items():
        if label == "empty" and name in ("change_service_account", "create_ws_ticket"):
            continue  # they require no field
        status = stage.send(stage.writes[name], body).status_code
        if status != 400 and not (status == 422 and "depth" in label):
            wrong[label] = status
    assert wrong == {}
    assert stage.stored() == before


# Flaws anywhere in an otherwise good body, in a field that is not even known

FLAWS: dict[str, tuple[str, int]] = {
    "a NUL character": ('"\\u0000"', 422),
    "a NUL character in a key": ('{"a\\u0000": 1}', 422),
    "a lone high surrogate": ('"\\ud83d"', 422),
    "a lone low surrogate": ('"x\\ude80"', 422),
    "surrogates in the wrong order": ('"\\ude80\\ud83d"', 422),
    "a lone surrogate in a key": ('{"\\ud800": 1}', 422),
    "1e400": ("1e400", 422),
    "-1e400": ("-1e400", 422),
    "1e-400": ("1e-400", 422),
    "an exponent of eleven digits": ("1e99999999999", 422),
    "an exponent of forty digits": ("1e" + "9" * 40, 422),
    "a negative exponent of forty digits": ("1e-" + "9" * 40, 422),
    "10**309": ("1" + "0" * 309, 422),
    "-10**309": ("-1" + "0" * 309, 422),
    "ten thousand digits": ("9" * 10_000, 422),
    "ten thousand digits of fraction": ("0." + "9" * 10_000, 422),
    "NaN": ("NaN", 400),
    "a duplicate key": ('{"a": 1, "a": 2}', 400),
    "33 levels": (deep(32), 422),
    "100,000 levels": (deep(100_000), 422),
}


@every_write
def test_a_flaw_in_a_field_that_is_not_known_is_refused_all_the_same(stage: Stage, name: str) -> None:
    before = stage.stored()
    wrong = {}
    for label, (text, expected) in FLAWS.items():
        body = json.dumps({"known": 0, **stage.writes[name].body})[:-1] + f', "unknown": {text}}}'
        response = stage.send(stage.writes[name], body)
        if response.status_code != expected:
            wrong[label] = response.status_code
    assert wrong == {}
    assert stage.stored() == before


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": ["\\u0000"]}', ["body", "tags", 0, "tag_metadata", "a", 0]),
        ('{"a": {"b": 1e400}}', ["body", "tags", 0, "tag_metadata", "a", "b"]),
        ("[0, [NaN]]", ["body", "tags", 0, "tag_metadata", 1, 0]),
        ('[{"a": 1, "a": 1}]', ["body", "tags", 0, "tag_metadata", 0]),
    ],
)
def test_the_place_of_a_flaw_is_named(stage: Stage, text: str, place: list[str | int]) -> None:
    response = with_metadata(stage, text)
    assert response.json()["error"]["details"][0]["loc"] == place


def with_metadata(stage: Stage, text: str) -> HttpResponse:
    body = json.dumps({"tags": [operation("add", stage.execution, "extract", "hostile", tag_metadata="@")]})
    return stage.send(stage.writes["change_task_tags"], body.replace('"@"', text))


# Depth: a body has 32 levels at most, itself included; metadata stands on the fourth.


@pytest.mark.parametrize(("levels", "status"), [(28, 200), (29, 200), (30, 422), (31, 422)])
def test_a_body_may_be_nested_thirty_two_levels(stage: Stage, levels: int, status: int) -> None:
    assert with_metadata(stage, deep(levels)).status_code == status
    assert with_metadata(stage, deep(levels, '{"a":', "}").replace(":}", ":1}")).status_code == status


# Numbers at the edge


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-0",
        "-0.0",
        "1E+2",
        "1e308",
        "-1e308",
        "1e-308",
        "9" * 308,
        "1.7976931348623157e308",
        "2.2250738585072014e-308",
        "9007199254740993",
        "-9223372036854775809",
        "0.1",
        "1.10",
    ],
)
def test_a_number_at_the_edge_is_taken_and_comes_back_with_its_value(stage: Stage, text: str) -> None:
    from decimal import Decimal

    response = with_metadata(stage, text)
    assert response.status_code == 200, response.content
    listed = stage.apis["program"].get("/api/task-tags", flow_execution_id=str(stage.execution.id)).content
    values = [tag["tag_metadata"] for tag in json.loads(listed, parse_float=Decimal, parse_int=Decimal)]
    assert Decimal(text) in [value for value in values if isinstance(value, Decimal)]


# Each field, with each value that does not belong there

RAW: dict[str, str] = {
    "null": "null",
    "true": "true",
    "false": "false",
    "0": "0",
    "1": "1",
    "-1": "-1",
    "1.5": "1.5",
    "1.0": "1.0",
    "2**31": str(2**31),
    "2**63": str(2**63),
    "2**64": str(2**64),
    "1e308": "1e308",
    "10**309": "1" + "0" * 309,
    "1e400": "1e400",
    "1e-400": "1e-400",
    "NaN": "NaN",
    "no text": '""',
    "a space": '" "',
    "x": '"x"',
    "a digit as text": '"1"',
    "true as text": '"true"',
    "201 characters": json.dumps("x" * 201),
    "201 wide characters": json.dumps("\U0001f680" * 201),
    "100,000 characters": json.dumps("x" * 100_000),
    "NUL": '"a\\u0000b"',
    "a lone high surrogate": '"\\ud800"',
    "a lone low surrogate": '"\\udc00"',
    "no list": "[]",
    "a list of null": "[null]",
    "a list of a list": "[[]]",
    "a list of a thousand": json.dumps(["x"] * 1_000),
    "no object": "{}",
    "an object": '{"a": 1}',
    "a duplicate key": '{"a": 1, "a": 1}',
    "33 levels": deep(33),
    "an unknown id": f'"{UNKNOWN_ID}"',
    "an id without hyphens": f'"{UNKNOWN_ID.replace("-", "")}"',
    "an id in braces": f'"{{{UNKNOWN_ID}}}"',
    "an id as urn": f'"urn:uuid:{UNKNOWN_ID}"',
    "an id as integer": str(int(UNKNOWN_ID.replace("-", ""), 16)),
    "an id too long": f'"{UNKNOWN_ID}0"',
    "SQL": '"\' OR 1=1; DROP TABLE task_tag; --"',
    "a template": '"{{7*7}}${7*7}%s%(organization_id)s"',
    "HTML": '"<script>alert(1)</script>"',
    "the year 0": '"0000-01-01T00:00:00Z"',
    "the year 1": '"0001-01-01T00:00:00+14:00"',
    "the year 9999": '"9999-12-31T23:59:59.999999-14:00"',
    "the year 10000": '"10000-01-01T00:00:00Z"',
    "a leap second": '"2016-12-31T23:59:60Z"',
    "a 30th of February": '"2026-02-30T00:00:00Z"',
    "infinity as time": '"infinity"',
    "an offset of a day": '"2026-01-01T00:00:00+24:00"',
    "a time of many digits": '"2026-01-01T00:00:00.' + "1" * 100 + 'Z"',
}


def fields(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of each value in a body, but the body itself."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*place, name)
        yield from fields(member, (*place, name))


def substituted(body: Any, place: tuple[str | int, ...], text: str) -> str:
    """The body as JSON, with another JSON text at one place."""
    changed = json.loads(json.dumps(body))
    target = changed
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = "@@"
    return json.dumps(changed).replace('"@@"', text)


@every_write
def test_no_field_takes_what_it_should_not_and_no_refusal_changes_anything(stage: Stage, name: str) -> None:
    write = stage.writes[name]
    wrong = []
    for place in fields(write.body):
        before = stage.stored()
        for label, text in RAW.items():
            body = substituted(write.body, place, text)
            status = stage.send(write, body).status_code
            if status >= 500:
                wrong.append((place, label, status))
            if status < 300:
                before = stage.stored()
            elif status == 400 or status == 422:
                wrong += [(place, label, "valid by the document")] if documented(name, body, label) else []
        assert stage.stored() == before, place
    assert wrong == []


# What JSON Schema does not know: these are refused by the parser, or by a rule that the description tells in words.
_NOT_IN_THE_DOCUMENT = {"NaN", "10**309", "1e400", "1e-400", "a duplicate key", "33 levels", "NUL"}
_IN_WORDS = {
    # A record cannot move to another task.
    "correct_task_execution": {"flow_execution_id", "task_name", "task_execution_idx"},
    # Only letters, digits and @/./+/-/_
    "add_member": {"username"},
}


def documented(name: str, body: str, label: str) -> bool:
    """Would the OpenAPI document take this body, which the server refused as not understood or out of bounds?"""
    if label in _NOT_IN_THE_DOCUMENT or label.startswith(("a lone", "the year", "an offset", "a leap")):
        return False
    value = json.loads(body)
    schema = {"$ref": f"urn:tagsite#{_pointer(name)}/requestBody/content/application~1json/schema"}
    validator = Draft202012Validator(schema, registry=document().registry, format_checker=formats)
    if not validator.is_valid(value):
        return False
    return not any(field in value for field in _IN_WORDS.get(name, ()))


def _pointer(name: str) -> str:
    for path, methods in document().document["paths"].items():
        for method, described in methods.items():
            if described["operationId"] == name:
                return f"/paths/{path.replace('/', '~1')}/{method}"
    raise LookupError(name)


@every_write
def test_no_field_is_harmed_by_tens_of_thousands_of_members(stage: Stage, name: str) -> None:
    write = stage.writes[name]
    before = stage.stored()
    for place in fields(write.body):
        for text in ("[" + "{}," * 49_999 + "{}]", "{" + ",".join(f'"k{n}":0' for n in range(10_000)) + "}"):
            response = stage.send(write, substituted(write.body, place, text))
            assert response.status_code < 500
            if response.status_code < 300:
                before = stage.stored()
    assert stage.stored() == before


def test_extremely_many_operations_are_refused(stage: Stage) -> None:
    before = stage.stored()
    one = json.dumps(operation("add", stage.execution, "extract", "t"))
    for many in (101, 1_000, 5_000):
        body = '{"tags": [' + ",".join([one] * many) + "]}"
        assert stage.send(stage.writes["change_task_tags"], body).status_code == 422
    assert stage.stored() == before


# Size


@every_write
def test_a_body_at_its_limit_is_read_and_one_byte_more_is_not(stage: Stage, name: str) -> None:
    write = stage.writes[name]
    good = json.dumps(write.body).encode()
    assert stage.send(write, good + b" " * (write.most - len(good))).status_code != 413
    before = stage.stored()
    assert stage.send(write, good + b" " * (write.most - len(good) + 1)).status_code == 413
    assert stage.stored() == before


def test_a_body_that_is_far_too_large_is_refused_by_its_announced_length(stage: Stage) -> None:
    write = stage.writes["change_task_tags"]
    api = stage.apis[write.who]
    response = api.client.generic(
        "PATCH", write.path, b"{}", "application/json", headers=api.headers, CONTENT_LENGTH="99999999999"
    )
    assert response.status_code == 413


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


# Odd but legal text

LEGAL = {
    "a combining sequence": "e\u0301\u0327",
    "precomposed": "\u00e9",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "a bidi override": "a\u202eb\u202c",
    "zero width": "a\u200b\u200d\ufeffb",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a flag": "\U0001f1e9\U0001f1ea",
    "the last character": "\U0010ffff",
    "noncharacters": "\ufffe\uffff\U0001fffe",
    "private use": "\ue000\U000f0000",
    "the replacement character": "\ufffd",
    "line separators": "a\u2028b\u2029c\x85d",
    "control characters": "\x01\x02\x07\x08\x0b\x1b\x1f\x7f\x80\x9f",
    "white space": " \t\n\r ",
    "a soft hyphen": "\u00ad",
    "quotes": "\"'`\\/",
    "braces and percents": "{}{{}}%s%(a)s$1",
    "a hundred marks": "z" + "\u0335" * 99,
    "Turkish i": "I\u0131\u0130i",
    "ligatures": "\ufb01\u1e9e",
    "a tag sequence": "\U0001f3f4\U000e0067\U000e007f",
}


@pytest.mark.parametrize("label", LEGAL)
@pytest.mark.parametrize("escaped", [True, False])
def test_odd_but_legal_text_comes_back_unchanged(stage: Stage, label: str, escaped: bool) -> None:
    text = LEGAL[label]
    tenant = stage.tenant
    execution = tenant.execution(text)
    add = operation("add", execution, text, text, tag_metadata={text: [text]})
    body = json.dumps({"tags": [{**add, "tag_type": text[:100]}]}, ensure_ascii=escaped)

    assert stage.send(stage.writes["change_task_tags"], body).json() == {"tags": [{"status": "added"}]}

    (tag,) = active_tags(tenant, execution.id, task_name=text)
    assert (tag["task_name"], tag["tag"], tag["tag_type"]) == (text, text, text[:100])
    assert tag["tag_metadata"] == {text: [text]}
    events = stage.apis["viewer"].get("/api/events", after=_position(stage) - 1).json()["events"]
    assert events[0]["data"]["tag"] == text
    listed = stage.apis["viewer"].get("/api/task-executions", tag=text, tag_type=text[:100]).json()
    assert str(execution.id) in {record["flow_execution_id"] for record in listed["task_executions"]}


def _position(stage: Stage) -> int:
    row = stage.owner.execute("SELECT position FROM event_stream WHERE organization_id = %s", [stage.tenant.id])
    return int((row.fetchone() or [0])[0])


def test_texts_that_look_alike_are_different_tags(stage: Stage) -> None:
    alike = ["\u00e9", "e\u0301", "\ufb01", "fi", "a", "\u0430", "a ", " a"]
    execution = stage.tenant.execution("extract")
    response = stage.apis["program"].tag(*[operation("add", execution, "extract", text) for text in alike])
    assert [entry["status"] for entry in response.json()["tags"]] == ["added"] * len(alike)


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
    _, method, path = _pointer(name).rsplit("/", 1)[0], _pointer(name).rsplit("/", 1)[1], _path(name)
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
    return _pointer(name).split("/")[2].replace("~1", "/")


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

"""Each field of each body, with each value that does not belong there."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from tests.api.calls import UNKNOWN_ID
from tests.api.openapi import document, formats
from tests.api.stage import Stage, deep, every_write, pointer
from tests.cast import operation

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
    schema = {"$ref": f"urn:tagsite#{pointer(name)}/requestBody/content/application~1json/schema"}
    validator = Draft202012Validator(schema, registry=document().registry, format_checker=formats)
    if not validator.is_valid(value):
        return False
    return not any(field in value for field in _IN_WORDS.get(name, ()))


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

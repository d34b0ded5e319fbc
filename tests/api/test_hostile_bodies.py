"""Bodies that are no JSON object, have a flaw, nest too deep or are too large."""

import json

import pytest

from tests.api.stage import OPERATIONS, Stage, deep, every_write, with_metadata


def test_the_stage_has_every_endpoint_that_takes_a_body(stage: Stage) -> None:
    assert set(stage.writes) == set(OPERATIONS)


# Bodies that are not a JSON object in UTF-8


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


# Depth: a body has 32 levels at most, itself included; metadata stands on the fourth.


@pytest.mark.parametrize(("levels", "status"), [(28, 200), (29, 200), (30, 422), (31, 422)])
def test_a_body_may_be_nested_thirty_two_levels(stage: Stage, levels: int, status: int) -> None:
    assert with_metadata(stage, deep(levels)).status_code == status
    assert with_metadata(stage, deep(levels, '{"a":', "}").replace(":}", ":1}")).status_code == status


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

"""Input that nobody sends in good faith, to every write of a real server: refused clearly, and nothing is changed.

The hostile values are those of tests/api/test_hostile_*.py; here they come in combinations, and over the wire.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

import psycopg

from tests.api import (
    test_hostile_bodies,
    test_hostile_fields,
    test_hostile_headers,
    test_hostile_paths,
    test_odd_values,
)
from tests.api.calls import UNKNOWN_ID
from tests.api.openapi import Exchange, document
from tests.api.stage import Stage, Write, deep
from tests.cast import Tenant, operation
from tests.database import OWNER_URL
from tests.live.servers import LiveServer
from tests.prove.servers import WebServer


@dataclass(frozen=True)
class Figures:
    cases: int
    kinds: int
    endpoints: int
    refused: int
    found_harmless: int


@dataclass
class Case:
    """A request; what is odd about it is anywhere in it."""

    write: Write
    body: bytes
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    by_the_server: bool = False  # so broken that it may never reach the application: no error body then


Make = Callable[[random.Random, Write], Case]


def _values(texts: list[str]) -> Make:
    """One to three of the body's values are others."""

    def make(chance: random.Random, write: Write) -> Case:
        body = json.loads(json.dumps(write.body)) or {"unknown": 0}
        text = json.dumps(body)
        for _ in range(chance.randint(1, 3)):
            place = chance.choice(list(test_hostile_fields.fields(body)))
            text = test_hostile_fields.substituted(json.loads(text), place, chance.choice(texts))
            if not _is_json(text) or not _has(json.loads(text), place):
                break
            body = json.loads(text)
        return Case(write, text.encode("utf-8", "surrogatepass"))

    return make


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return "Infinity" not in text and "NaN" not in text


def _has(body: Any, place: tuple[Any, ...]) -> bool:
    return bool(list(test_hostile_fields.fields(body))) and place in set(test_hostile_fields.fields(body))


def _unknown_field(chance: random.Random, write: Write) -> Case:
    text, _ = chance.choice(list(test_hostile_bodies.FLAWS.values()))
    return Case(write, (json.dumps({"known": 0, **write.body})[:-1] + f', "unknown": {text}}}').encode())


def _depth(chance: random.Random, write: Write) -> Case:
    levels = chance.choice([31, 32, 33, 100, 1_000, 100_000])
    return _values([deep(levels), deep(levels // 2 + 1, '{"a":[', "]}")])(chance, write)


def _size(chance: random.Random, write: Write) -> Case:
    good = json.dumps(write.body)
    many = chance.choice(["[" + "{}," * 49_999 + "{}]", "{" + ",".join(f'"k{n}":0' for n in range(10_000)) + "}"])
    kind = chance.randrange(3)
    if kind == 0:
        # Refused before it is read; a client that only writes may meet the closed line instead of the answer.
        body = good.encode() + b" " * (write.most - len(good) + chance.randint(1, 1000))
        return Case(write, body, by_the_server=True)
    if kind == 1:
        return _values([many])(chance, write)
    return _values([json.dumps(chance.choice("xé\U0001f680") * chance.choice([201, 5_000, 100_000]))])(chance, write)


def _headers(chance: random.Random, write: Write) -> Case:
    body = json.dumps(write.body).encode()
    odd = chance.choice(
        [{"Content-Type": kind} for kind in test_hostile_headers.NOT_JSON] + test_hostile_headers.CREDENTIALS
    )
    return Case(write, body, headers=odd, by_the_server=any(len(value) > 5_000 for value in odd.values()))


def _encodings(chance: random.Random, write: Write) -> Case:
    return Case(
        write, chance.choice([body for label, body in test_hostile_bodies.NOT_AN_OBJECT.items() if label != "empty"])
    )


def _paths(chance: random.Random, write: Write) -> Case:
    """The ids in the path, and their slashes, are others."""
    parts = write.path.split("/")
    parts[chance.randrange(2, len(parts))] = chance.choice(test_hostile_paths.IDS)
    path = "/".join(parts)
    return Case(write, json.dumps(write.body).encode(), path, by_the_server=True)


def _after_good_ones(chance: random.Random, write: Write) -> Case:
    """A batch that would change much, and then one thing in it is wrong."""
    known = write.body["tags"][0]["flow_execution_id"]
    good = [operation("add", known, "extract", f"new {chance.random()}") for _ in range(chance.randint(1, 99))]
    wrong = [
        operation("add", UNKNOWN_ID, "extract", "x"),
        operation("remove", known, "unheard-of", "x"),
        {**good[0], "operation": "replace"},
        {**good[0], "tag": "x" * 201},
        {**good[0], "tag_metadata": "a\0b"},
    ]
    return Case(write, json.dumps({"tags": [*good, chance.choice(wrong)]}).encode())


KINDS: dict[str, Make] = {
    "types": _values(list(test_hostile_fields.RAW.values())),
    "unicode": _values(
        [json.dumps(text) for text in test_odd_values.LEGAL.values()] + ['"\\u0000"', '"\\ud83d"', '{"\\ud800":1}']
    ),
    "numbers": _values([text for text, _ in test_hostile_bodies.FLAWS.values() if text[0] in "-0123456789N"]),
    "unknown fields": _unknown_field,
    "depth": _depth,
    "size": _size,
    "headers": _headers,
    "encodings": _encodings,
    "paths": _paths,
    "after good ones": _after_good_ones,
}


def attack(count: int, seed: int) -> Figures:
    chance = random.Random(seed)  # noqa: S311  # not a secret
    tally: Counter[str] = Counter()
    with psycopg.connect(OWNER_URL, autocommit=True) as owner, closing(WebServer()) as server:
        stage = Stage(Tenant.create(), owner)
        for number in range(count):
            kind = list(KINDS)[number % len(KINDS)]
            case = KINDS[kind](chance, chance.choice(_writes_for(kind, stage)))
            tally[_try(server, stage, case, f"case {number}, {kind}")] += 1
    if tally["refused"] <= count // 2:
        raise RuntimeError(f"too little was hostile: {tally}")
    return Figures(count, len(KINDS), len(stage.writes), tally["refused"], tally["harmless"])


def _writes_for(kind: str, stage: Stage) -> list[Write]:
    return [write for write in stage.writes.values() if kind != "after good ones" or "tags" in write.body]


def _try(server: LiveServer, stage: Stage, case: Case, label: str) -> str:
    before = stage.stored()
    exchange = _send(server, stage, case)
    label = f"{label}, {case.write.operation}: {exchange.status if exchange else 'hung up'}"
    is_refused_by_the_server = exchange is None or (400 <= exchange.status < 500 and b'"error"' not in exchange.body)
    if exchange is None or (case.by_the_server and is_refused_by_the_server):
        assert case.by_the_server, label
    else:
        assert exchange.status < 500, f"{label} {exchange.body[:200]!r}"
        _check_document(exchange, label)
    if exchange is not None and exchange.status < 300:
        return "harmless"
    assert stage.stored() == before, f"{label}, and something was changed"
    return "refused"


def _check_document(exchange: Exchange, label: str) -> None:
    try:
        document().check(exchange)
    except AssertionError as wrong:
        raise AssertionError(f"{label}: {wrong}") from wrong


def _send(server: LiveServer, stage: Stage, case: Case) -> Exchange | None:
    """None if the server hangs up. The bytes go out as they are: no client's library puts them right."""
    write = case.write
    headers = {"Content-Type": "application/json", **stage.apis[write.who].headers, **case.headers}
    path = case.path or write.path
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        try:
            connection.putrequest(write.method.upper(), "/", skip_accept_encoding=True)
            # Its own check of paths and headers is what hostile clients do not have.
            connection._buffer[0] = f"{write.method.upper()} {path} HTTP/1.1".encode()  # type: ignore[attr-defined]
            for name, value in {**headers, "Content-Length": str(len(case.body))}.items():
                connection._buffer.append(f"{name}: ".encode() + value.encode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
            with suppress(BrokenPipeError, ConnectionResetError):  # the answer may be there already
                connection.endheaders(case.body)
            answer = connection.getresponse()
            body = answer.read()
        except (HTTPException, OSError):
            return None
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Exchange(write.method.upper(), path, answer.status, named, body, case.body)

"""Secrets stay secret: strange texts in every field, parameter and header, and the credentials that Tagsite gives out.

Nothing of what a request holds may show in a log line, a metric or an error; and of a credential nothing at all may be
kept, neither in an event nor in a dump of the database.
"""

import base64
import json
import logging
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import psycopg
from django.conf import settings
from django.http import HttpResponse

from tags.metrics import exposition
from tagsite.embedded_postgres import _programs
from tests.api.stage import Stage, Write
from tests.cast import PASSWORD, Tenant
from tests.clients import Client
from tests.database import OWNER_URL

# Every header that a request's secrets come in, and others that are written by whoever calls.
HEADERS = {
    "X-API-Key": "{}",
    "Authorization": "Bearer {}",
    "Cookie": "sessionid={0}; csrftoken={0}",
    "X-CSRFToken": "{}",
    "X-Forwarded-For": "{}",
    "User-Agent": "{}",
    "Referer": "https://tagsite.example/?token={}",
    "Origin": "https://{}",
    "X-Request-ID": "not a plain id: {}",
    "traceparent": "{}",
    "If-None-Match": "{}",
}
READS = ["/api/task-tags", "/api/task-executions", "/api/flow-executions", "/api/events", "/api/profile/me", "/log-in"]
PARAMETERS = ["flow_execution_id", "flow_id", "task_name", "tags", "cursor", "after", "token", "api_key", "password"]


@dataclass(frozen=True)
class Figures:
    canaries: int
    refused: int
    log_lines: int
    credentials_searched_for: int
    megabytes_of_dump: int


def attack(count: int, seed: int) -> Figures:
    chance = random.Random(seed)  # noqa: S311  # must be repeatable
    with psycopg.connect(OWNER_URL, autocommit=True) as owner, _everything_logged() as log:
        stage = Stage(Tenant.create(), owner)
        canaries = [f"canary{chance.getrandbits(64):016x}" for _ in range(count)]
        refused = [_send(stage, chance, canary) for canary in canaries]
        credentials = _credentials(stage)
        _search("the log", log.getvalue(), [*canaries, *credentials.values()])
        _search("the metrics", exposition().decode(), [*canaries, *credentials.values(), str(stage.tenant.id)])
        _search("the events", _events(stage), _forms(credentials))
    dump = _dump()
    _search("the dump", dump, _forms(credentials))
    lines = len(log.getvalue().splitlines())
    return Figures(count, sum(refused), lines, len(credentials), len(dump) // 1_000_000)


@contextmanager
def _everything_logged() -> Iterator[StringIO]:
    """All loggers, from DEBUG on, in the form that the log has."""
    text, root = StringIO(), logging.getLogger()
    handler = logging.StreamHandler(text)
    handler.setFormatter(root.handlers[0].formatter if root.handlers else None)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


# Canaries


def _send(stage: Stage, chance: random.Random, canary: str) -> bool:
    """One request with the canary somewhere; whether it was refused, in words that do not repeat it."""
    kind: Callable[..., HttpResponse]
    # Few log-ins: each takes as long as hashing a password does.
    (kind,) = chance.choices([_in_field, _in_parameter, _in_header, _in_log_in], [20, 16, 16, 1])
    answer = kind(stage, chance, canary)
    refused = answer.status_code >= 400
    if refused:
        said = f"{answer.headers} {answer.content.decode()}"
        assert canary not in said, f"{kind.__name__}: the error repeats what was sent: {said[:300]}"
    return refused


def _in_field(stage: Stage, chance: random.Random, canary: str) -> HttpResponse:
    write: Write = chance.choice(list(stage.writes.values()))
    body = json.loads(json.dumps(write.body))
    _plant(body, chance, canary)
    return stage.send(write, json.dumps(body))


def _plant(value: Any, chance: random.Random, canary: str) -> None:
    """In place of some value of it, however deep, or as a field that is not known."""
    if isinstance(value, list):
        value[:] = value or [canary]
    places = range(len(value)) if isinstance(value, list) else [*value, "secret"]
    place = chance.choice(places)
    inner = value[place] if place != "secret" else None
    if isinstance(inner, dict | list) and chance.random() < 0.8:
        _plant(inner, chance, canary)
    else:
        value[place] = canary


def _in_parameter(stage: Stage, chance: random.Random, canary: str) -> HttpResponse:
    api = stage.apis[chance.choice(["program", "viewer"])]
    return api.get(chance.choice(READS), **{chance.choice(PARAMETERS): canary})


def _in_header(stage: Stage, chance: random.Random, canary: str) -> HttpResponse:
    name = chance.choice(list(HEADERS))
    own = {} if chance.random() < 0.5 else stage.apis["program"].headers
    return Client(raise_request_exception=False).get(
        chance.choice(READS), headers={**own, name: HEADERS[name].format(canary)}
    )


def _in_log_in(stage: Stage, chance: random.Random, canary: str) -> HttpResponse:
    form = {"username": stage.tenant.viewer.username, "password": canary}
    client = Client(raise_request_exception=False)
    if chance.random() < 0.5:
        return client.post("/api/auth/token", form, content_type="application/json")
    return client.post("/log-in", form)


# Credentials


def _credentials(stage: Stage) -> dict[str, str]:
    """One of each kind, genuine and used."""
    tenant = stage.tenant
    admin = stage.apis["admin"]
    account = admin.get("/api/service-accounts").json()["service_accounts"][0]["id"]
    key = admin.post(f"/api/service-accounts/{account}/api-keys", {"name": "for the attack"}).json()["token"]
    tokens = admin.post("/api/auth/token", {"username": tenant.viewer.username, "password": PASSWORD}).json()
    ticket = stage.apis["viewer"].post("/api/ws-tickets", {}).json()["ticket"]
    browser = Client()
    browser.post("/log-in", {"username": tenant.reviewer.username, "password": PASSWORD})
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {tokens['access_token']}"}):
        assert Client(headers=headers).get("/api/profile/me").status_code == 200
    assert browser.get("/api/profile/me").status_code == 200
    return {
        "password": PASSWORD,
        "API key": key,
        "first API key": tenant.token,
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "ticket": ticket,
        "session": browser.cookies["sessionid"].value,
        "secret key": settings.SECRET_KEY,
    }


def _forms(credentials: dict[str, str]) -> list[str]:
    """Each as it is, in hexadecimal and in base64."""
    texts = credentials.values()
    return [
        form
        for text in texts
        for form in (text, text.encode().hex(), base64.b64encode(text.encode()).decode().rstrip("="))
    ]


def _events(stage: Stage) -> str:
    return str(stage.apis["program"].get("/api/events", limit=1000).content.decode())


def _dump() -> str:
    """Everything that the database holds, as its administrator copies it."""
    command = [str(_programs() / "pg_dump"), f"--dbname={OWNER_URL}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={"PATH": os.defpath})
    assert done.returncode == 0, done.stderr
    return done.stdout


def _search(place: str, text: str, secrets: list[str]) -> None:
    assert text, f"nothing was found to search in: {place}"
    found = [secret for secret in secrets if secret in text]
    where = text.find(found[0]) if found else 0
    assert found == [], f"{place} holds {len(found)} secrets: ...{text[max(0, where - 150) : where + 80]}..."

"""Every URL, method and socket, with the ids of another organization's rows: as if they were nowhere."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.http import HttpResponse
from websockets.exceptions import ConnectionClosed

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.models.ids import uuid7
from tests.cast import Api, Tenant
from tests.database import OWNER_URL
from tests.live.client import listening
from tests.live.servers import LiveServer
from tests.prove import planted
from tests.prove.servers import UncheckedServer
from tests.prove.urls import PROGRAMS, Route, routes
from tests.tenancy import layers, things
from tests.tenancy.layers import Layers, left_with
from tests.tenancy.things import A_UUID, Ids, Neighbour, rows_of

_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_MODES = (Layers.BOTH, Layers.POLICIES_WITHOUT_FILTERS, Layers.FILTERS)
# How the process is doing; and what ends the session, after which nobody asks any more.
_LEFT_OUT = {"metrics", "readyz", "log-out", "admin/logout/"}
# Whatever a request can name a thing by, in its query, its form or its JSON.
_NAMES = [
    "id",
    "flow_id",
    "flow_execution_id",
    "start_from_execution_id",
    "task_execution_id",
    "organization_id",
    "organization",
    "user_id",
    "member_id",
    "service_account_id",
    "api_key_id",
    "group",
    "group_id",
    "task",
    "tasks",
    "ids",
    "rule",
    "_selected_action",
    "_popup",
    "next",
]


@dataclass(frozen=True)
class Figures:
    requests: int
    urls: int
    ids_of_foreign_rows: int
    modes: int
    sockets: int


Named = dict[str, str]  # an id for each table: of one of the neighbour's rows, or of nothing


@dataclass(frozen=True)
class Stage:
    neighbour: Neighbour
    intruder: Tenant
    ids: Ids
    foreign: Named
    nobody: Named
    rows: dict[str, list[str]]  # of the neighbour's, as they must stay
    words: set[str]
    owner: psycopg.Connection[Any]

    @classmethod
    def create(cls, owner: psycopg.Connection[Any]) -> "Stage":
        neighbour, intruder = Neighbour.create(), things.tenant_without_passwords("our own")
        foreign = dict(_one_of_each_table(owner, neighbour))
        nobody = {table: str(uuid7()) for table in foreign}
        rows = rows_of(owner, neighbour.tenant.id)
        own = things.settle(intruder, "our own")
        return cls(neighbour, intruder, own, foreign, nobody, rows, neighbour.words(rows), owner)

    def callers(self, mode: Layers, route: Route) -> dict[str, Api]:
        """New ones each time: one of the URLs ends a session. Where one layer is left, those who may do everything."""
        programs = {"program": self.intruder.api(), "admin": self.intruder.api("admin")}
        if mode == Layers.BOTH:
            return {**programs, **self._in_browsers("admin", "reviewer", "viewer"), "nobody": Api()}
        return {**(programs if route.is_for_programs else {}), **self._in_browsers("admin")}

    def _in_browsers(self, *names: str) -> dict[str, Api]:
        return {f"{name} in a browser": _in_browser(getattr(self.intruder, name)) for name in names}


def _one_of_each_table(owner: psycopg.Connection[Any], neighbour: Neighbour) -> Iterator[tuple[str, str]]:
    for table in [*things.tenant_tables(owner), "organization"]:
        query = f"SELECT to_jsonb(t) ->> 'id' FROM {table} AS t WHERE {things.key_column(table)} = %s LIMIT 1"
        row = owner.execute(query, [neighbour.tenant.id]).fetchone()
        if row and row[0] and A_UUID.fullmatch(row[0]):
            yield table, row[0]


def _in_browser(user: Any) -> Api:
    api = Api()
    api.client.force_login(user)
    return api


def attack(count: int, seed: int) -> Figures:
    """All of it; with a `count`, of the ids that do not fit a URL that many, drawn with the seed."""
    chance = random.Random(seed)  # noqa: S311  # not a secret
    all_routes = [route for route in routes() if route.path not in _LEFT_OUT]
    layers.make_bypassing_role()
    asked = 0
    with psycopg.connect(OWNER_URL, autocommit=True) as owner:
        _open_a_table(owner)
        stage = Stage.create(owner)
        for mode in _modes():
            with left_with(mode, stage.intruder.id, stage.neighbour.tenant.id):
                asked += sum(_try_route(stage, mode, route, count, chance) for route in all_routes)
        sockets = sum(_try_sockets(stage, mode) for mode in _modes())
    layers.close_pool_without_policies()
    return Figures(asked, len(all_routes), len(stage.foreign), len(_modes()), sockets)


def _modes() -> Sequence[Layers]:
    """A control has a bug that one of them shows."""
    shown_by = {"no_filters": [Layers.FILTERS], "open_table": [Layers.POLICIES_WITHOUT_FILTERS]}
    return shown_by.get(planted.bug(), _MODES)


def _open_a_table(owner: psycopg.Connection[Any]) -> None:
    if planted.bug() == "open_table":
        owner.execute("CREATE POLICY open ON review_rule USING (true)")


def _try_route(stage: Stage, mode: Layers, route: Route, count: int, chance: random.Random) -> int:
    some = _ids_for(route, stage.foreign, count, chance)
    asked = 0
    for who, api in stage.callers(mode, route).items():
        for method in _METHODS:
            asked += _try_ids(stage, f"{mode}: {who}: {method} {route.path}", api, method, route, some)
    now = rows_of(stage.owner, stage.neighbour.tenant.id)
    changed = [table for table in now if now[table] != stage.rows[table]]
    assert not changed, f"{mode}: {route.path} changed the neighbour's {changed}"
    return asked


def _ids_for(route: Route, foreign: Named, count: int, chance: random.Random) -> list[str]:
    """Those of the tables that the path tells of, and `count` more of any; or one of every table."""
    if not count:
        return list(foreign.values())
    path = re.sub("[-_]", "", route.path)
    fitting = [id for table, id in foreign.items() if table.replace("_", "") in path]
    return list(dict.fromkeys([*fitting, *chance.sample(sorted(foreign.values()), count)]))


def _try_ids(stage: Stage, label: str, api: Api, method: str, route: Route, ids: list[str]) -> int:
    nowhere = _send(api, method, route.to(next(iter(stage.nobody.values()))), stage.nobody)
    # Refused for who asks or how, whatever the id: the others would be too.
    at_once = nowhere.status_code in (401, 403, 405) or (
        nowhere.status_code == 302 and "/log-in" in nowhere["Location"]
    )
    paths = {route.to(id) for id in ids[: 1 if at_once else len(ids)]}
    for path in paths:
        answer = _send(api, method, path, stage.foreign)
        assert _told(answer) == _told(nowhere), f"{label}: {_difference(_told(answer), _told(nowhere))}"
        told = _shown(stage, answer)
        assert not told, f"{label} shows {sorted(told)[:3]}"
    return len(paths) + 1


def _send(api: Api, method: str, path: str, named: Named) -> HttpResponse:
    """Every name in every place stands for the thing that it would be the id of, as far as there is one."""
    values = {name: _for(name, named) for name in _NAMES}
    query = "&".join(f"{name}={value}" for name, value in values.items()) + "&after=0&task_name=extract&timeout=0"
    is_json = path.startswith(PROGRAMS)
    body: Any = {**values, "tags": [_operation(named)], "task_name": "extract", "processing_status": "failed"}
    if method in ("GET", "HEAD", "OPTIONS"):
        body = ""
    elif is_json:
        body = json.dumps({**body, "task_execution_idx": 0, "status": "failed", "role": "admin", "name": "taken over"})
    else:
        form = {**values, "tasks": f"{values['flow_execution_id']}:extract", "kind": "approve", "action": "retry"}
        body = "&".join(f"{name}={value}" for name, value in form.items())
    content_type = "application/json" if is_json else "application/x-www-form-urlencoded"
    response: HttpResponse = api.client.generic(method, f"{path}?{query}", body, content_type, headers=api.headers)
    if response.streaming:
        response = _whole(response)
    return response


def _whole(response: Any) -> HttpResponse:
    whole = HttpResponse(response.getvalue(), status=response.status_code, headers=dict(response.headers))
    whole.request = response.request  # type: ignore[attr-defined]  # what the test client knows of it
    return whole


_TABLE_OF = {"start_from_execution_id": "flow_execution", "user_id": "membership", "member_id": "membership"}


def _for(name: str, named: Named) -> str:
    table = _TABLE_OF.get(name, name.removesuffix("_id").removesuffix("s"))
    return named.get(table) or named["decision" if "group" in name else "task_execution"]


def _operation(named: Named) -> dict[str, str]:
    names = {"task_name": "extract", "tag": "approved", "tag_type": "review"}
    return {"operation": "remove", "flow_execution_id": named["flow_execution"], **names}


def _shown(stage: Stage, answer: HttpResponse) -> set[str]:
    """What the answer knows of the neighbour without having been told by the request."""
    text = f"{answer.headers} {answer.content.decode(errors='replace')}"
    for id in stage.foreign.values():
        text = text.replace(id, "")
    return {word for word in stage.words if word in text}


# What differs between any two answers.
_VOLATILE = re.compile(
    A_UUID.pattern + r"|\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)?|eyJ[\w-]+\.[\w-]+\.[\w-]+|tagsite_[\w-]+|tgt_[\w-]+"
    r"|nonce(?:-|=\")[\w+/=-]+|\b(?:\d+ min(?: \d+ s)?|\d+ s)\b"
    r"|\b[A-Za-z0-9]{64}\b|\b[0-9A-HJKMNP-TV-Z]{26}\b|person-<>"
)
_VOLATILE_HEADERS = {"X-Request-ID", "Content-Length", "Expires", "Set-Cookie", "ETag"}


def _told(answer: HttpResponse) -> str:
    """All that an answer says, with what differs between any two made alike."""
    headers = {name: value for name, value in answer.headers.items() if name not in _VOLATILE_HEADERS}
    return _VOLATILE.sub("<>", f"{answer.status_code} {headers} {answer.content.decode(errors='replace')}")


def _difference(one: str, other: str) -> str:
    place = next(place for place, (a, b) in enumerate(zip(one + "$", other + "^", strict=False)) if a != b)
    begin = max(0, place - 40)
    return f"{one[:4]} {one[begin : place + 60]!r}; nobody's: {other[:4]} {other[begin : place + 60]!r}"


# Sockets, on servers with these layers


def _try_sockets(stage: Stage, mode: Layers) -> int:
    with closing(UncheckedServer(**_environment(mode))) as server:
        for who in ("program", "admin", "reviewer", "viewer"):
            heard = "".join(_hear(stage, server, stage.intruder.api(who).headers))
            told = [word for word in stage.words if word in heard.replace(stage.foreign["flow_execution"], "")]
            assert not told, f"{mode}: the socket of {who} tells of {told[:3]}"
    return 4


def _environment(mode: Layers) -> dict[str, str]:
    url = f"{settings.DATABASE_URL}"
    if mode == Layers.FILTERS:
        named = psycopg.conninfo.conninfo_to_dict(url)
        bypassing = {**named, "user": layers.BYPASSING_ROLE, "password": layers._PASSWORD}
        return {"DATABASE_URL": psycopg.conninfo.make_conninfo(**bypassing), **planted.besides("any_role")}
    return planted.besides("no_filters") if mode == Layers.POLICIES_WITHOUT_FILTERS else {}


def _hear(stage: Stage, server: LiveServer, headers: dict[str, str]) -> Iterator[str]:
    """All that comes on a socket that asks for everything and for the neighbour's, up to a change of one's own."""
    tag = f"own {uuid7()}"
    with listening(server.socket_url, headers) as listener:
        execution = stage.foreign["flow_execution"]
        for more in ({}, {"subscription": "theirs", "flow_execution_id": execution}):
            listener.say(type="subscribe", after=0, **more)
        listener.say(type="watch_presence")
        listener.say(type="present", flow_execution_id=execution, task_name="extract")
        for tenant, flow_execution, name in (
            (stage.neighbour.tenant, stage.neighbour.ids.flow_execution, "neighbours-own tag 2"),
            (stage.intruder, stage.ids.flow_execution, tag),
        ):
            change = Operation(OperationKind.ADD, flow_execution, "extract", name, "review")  # type: ignore[arg-type]  # text
            apply_batch([change], tenant.actor, tenant.id)
        while True:
            try:
                yield (message := json.dumps(listener.hear()))
            except ConnectionClosed:
                return
            if tag in message:
                return

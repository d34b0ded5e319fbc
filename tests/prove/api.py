"""Requests that schemathesis makes from the OpenAPI document; each answer of a real server is held against it."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import checks, openapi
from schemathesis.specs.openapi import checks as openapi_checks

from tests.api.openapi import Exchange, document
from tests.cast import Tenant
from tests.prove.servers import WebServer
from tests.tenancy.things import settle

_CHECKS: list[Any] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
_MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@dataclass(frozen=True)
class Figures:
    requests: int
    operations: int
    accepted: int
    refused_by_the_callers_fault: int
    kinds_of_answer: int


# What a parameter or a field of this name is the id of.
_KINDS = {
    "flow_execution_id": "flow_execution",
    "start_from_execution_id": "flow_execution",
    "execution_id": "flow_execution",
    "flow_id": "flow",
    "record_id": "task_execution",
    "account_id": "service_account",
    "key_id": "api_key",
    "member_id": "member",
}


class Callers:
    """With and without credentials; an organization with something of everything, that may be changed and deleted."""

    def __init__(self, chance: random.Random) -> None:
        tenant = Tenant.create()
        self.headers = [*(tenant.api(who).headers for who in ("program", "admin", "reviewer", "viewer")), {}]
        self.chance = chance
        self._things = [settle(tenant, f"thing {number}") for number in range(20)]

    def make_real(self, case: schemathesis.Case) -> None:
        """In most requests, what names something names one that exists."""
        if self.chance.random() < 0.7:
            names = vars(self.chance.choice(self._things))
            own_id = names["task_execution" if "task" in case.operation.path else "flow_execution"]
            real = {**{name: names[kind] for name, kind in _KINDS.items()}, "task_name": "extract", "id": own_id}
            for part in ("path_parameters", "query", "body"):
                setattr(case, part, _with(getattr(case, part), real))


def _with(value: Any, real: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: real[name] if name in real else _with(member, real) for name, member in value.items()}
    return [_with(member, real) for member in value] if isinstance(value, list) else value


class Attack:
    def __init__(self, url: str, callers: Callers) -> None:
        self._url, self.callers = url, callers
        self._session = requests.Session()
        self._session.trust_env = False  # no looking for proxies before each request
        self.answers: Counter[tuple[str, int]] = Counter()
        self.faults: dict[str, str] = {}

    def send(self, case: schemathesis.Case, who: int) -> None:
        if self.faults:  # enough is known
            return
        self.callers.make_real(case)
        answer = case.call(self._url, self._session, headers=self.callers.headers[who], timeout=60)
        self.answers[case.operation.label, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=_CHECKS)
            document().check(_exchange(answer))
        except (AssertionError, *_FAILURES) as fault:
            self.faults[f"{case.operation.label} -> {answer.status_code}"] = _words(fault)


_FAILURES = (checks.Failure, checks.FailureGroup)


def _words(fault: BaseException) -> str:
    inner = getattr(fault, "exceptions", [fault])
    return "; ".join(" ".join(str(one).split())[:300] for one in inner)


def _exchange(answer: Any) -> Exchange:
    headers = {name.lower(): ", ".join(values) for name, values in answer.headers.items()}
    request = answer.request
    sent = request.body.encode() if isinstance(request.body, str) else request.body or b""
    path = urlsplit(request.url).path
    return Exchange(request.method, path, answer.status_code, headers, answer.content, bytes(sent))


def attack(count: int, seed_: int) -> Figures:
    with closing(WebServer()) as server:
        schema = openapi.from_url(f"{server.url}/api/schema")
        operations = [result.ok() for result in schema.get_all_operations()]
        made = Attack(server.url, Callers(random.Random(seed_)))  # noqa: S311  # not a secret
        _make(made, operations, count, seed_)
    assert not made.faults, "; ".join(f"{label}: {said}" for label, said in made.faults.items())
    return _figures(made.answers, len(operations))


def _make(made: Attack, operations: list[Any], count: int, seed_: int) -> None:
    """In one run over all operations: what prepares a run, and its strategies, takes longer than dozens of requests."""
    cases = [operation.as_strategy(generation_mode=mode) for operation in operations for mode in _MODES]
    callers = st.integers(0, len(made.callers.headers) - 1)
    options = settings(
        max_examples=count,
        phases=[Phase.generate],  # no shrinking, and nothing from earlier runs
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    options(seed(seed_)(given(st.one_of(cases), callers)(made.send)))()


def _figures(answers: Counter[tuple[str, int]], operations: int) -> Figures:
    def total(statuses: Sequence[int]) -> int:
        return sum(times for (_, status), times in answers.items() if status in statuses)

    return Figures(answers.total(), operations, total(range(200, 300)), total(range(400, 500)), len(answers))

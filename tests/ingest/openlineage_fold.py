"""The recorded events, and what all observations of some events come to: the least that a writer of them must do."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import tagsite
from tags.actions.observations import (
    Claim,
    DetailObservation,
    FlowExecutionObservation,
    Observation,
    TaskExecutionObservation,
)
from tags.db import exact_json
from tags.ingest.openlineage import observations

RECORDINGS = Path(tagsite.__file__).parent / "recordings"

TaskKey = tuple[UUID, str, int]


def recorded(name: str) -> list[Any]:
    requests = map(json.loads, (RECORDINGS / f"openlineage-{name}.jsonl").read_text().splitlines())
    return [exact_json.loads(_body(request)) for request in requests]


def _body(request: dict[str, Any]) -> bytes:
    if "body" in request:
        return json.dumps(request["body"]).encode()
    body = base64.b64decode(request["body_base64"])
    return gzip.decompress(body) if request["headers"].get("Content-Encoding") == "gzip" else body


class Fold:
    """Of the claims about one thing the highest rank counts, then the latest, then (as good as any) the greatest."""

    def __init__(self, events: Iterable[Any] = ()) -> None:
        self.claims: dict[tuple[Any, ...], Claim] = {}
        self.started: dict[TaskKey, datetime] = {}
        self.runs: dict[UUID | None, TaskKey] = {}
        for event in events:
            for observation in observations(event):
                self._add(observation)

    def _add(self, observation: Observation) -> None:
        match observation:
            case FlowExecutionObservation():
                place: tuple[Any, ...] = ("flow", observation.id)
                self._claim((*place, "name"), observation.flow_name)
                self._claim((*place, "skipped"), observation.skipped)
            case TaskExecutionObservation():
                key = (observation.flow_execution_id, observation.task_name, observation.idx)
                place = ("task", key)
                self.runs[observation.run_id] = key
                self._claim((*place, "error"), observation.error)
                for path, claim in observation.output.items():
                    self._claim((*place, "output", *path), claim)
                if observation.started_at is not None:
                    self.started[key] = min(observation.started_at, self.started.get(key, observation.started_at))
            case DetailObservation():
                place = ("detail", observation.parent_run_id)
        if not isinstance(observation, DetailObservation):
            self._claim((*place, "status"), observation.status)
        for path, claim in observation.input.items():
            self._claim((*place, "input", *path), claim)

    def _claim(self, place: tuple[Any, ...], claim: Claim | None) -> None:
        if claim is not None:
            self.claims[place] = max(claim, self.claims.get(place, claim), key=_weight)

    def state(self) -> Any:
        return self.claims, self.started, self.runs

    def flows(self, name: str | None = None) -> list[UUID]:
        names = {place[1]: claim.value for place, claim in self.claims.items() if place[::2] == ("flow", "name")}
        return [flow for flow, of_flow in names.items() if name in (None, of_flow)]

    def tasks(self, flow: UUID | None = None) -> set[TaskKey]:
        return {key for key in self.runs.values() if flow in (None, key[0])}

    def flow(self, flow: UUID, *field: str) -> Any:
        return self._value("flow", flow, *field)

    def task(self, key: TaskKey, *field: str) -> Any:
        return self._value("task", key, *field)

    def queries(self) -> dict[tuple[UUID, str], Any]:
        places = [place for place in self.claims if place[0] == "detail" and place[3] == "queries"]
        return {(place[1], place[4]): self.claims[place].value for place in places}

    def statuses(self, kind: str) -> Counter[str]:
        return Counter(str(claim.value) for place, claim in self.claims.items() if place[::2] == (kind, "status"))

    def _value(self, *place: Any) -> Any:
        return self.claims[place].value if place in self.claims else None


def _weight(claim: Claim) -> Any:
    return claim.rank, claim.time, exact_json.dumps(claim.value)

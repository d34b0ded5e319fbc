"""What real producers sent (README.md tells how it was recorded): the demo shows it, and the tests replay it."""

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINEAGE = ["openlineage-airflow", "openlineage-dbt"]
TRACES = ["otlp-agent", "otlp-airflow", "otlp-web"]


@dataclass(frozen=True)
class Recorded:
    """One request; header names in small letters, the body as sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def unpacked(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


def recorded(name: str) -> list[Recorded]:
    """In order of arrival."""
    lines = (Path(__file__).parent / f"{name}.jsonl").read_text().splitlines()
    return [_recorded(json.loads(line)) for line in lines]


def _recorded(request: dict[str, Any]) -> Recorded:
    headers = {key.lower(): value for key, value in request["headers"].items()}
    if "body_base64" in request:
        return Recorded(request["path"], headers, base64.b64decode(request["body_base64"]))
    return Recorded(request["path"], headers, json.dumps(request["body"]).encode())

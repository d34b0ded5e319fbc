"""The recordings of real producers (tagsite/recordings), as what they sent."""

import base64
import gzip
import json
from typing import Any

from tags.db import exact_json
from tests.database import PROJECT

FOLDER = PROJECT / "tagsite" / "recordings"


def requests(name: str) -> list[dict[str, Any]]:
    """`{"path", "headers", "body" or "body_base64"}` each."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def body_of(request: dict[str, Any]) -> bytes:
    """The bytes as sent, gzip taken off."""
    if "body_base64" not in request:
        return json.dumps(request["body"]).encode()
    body = base64.b64decode(request["body_base64"])
    headers = {name.lower(): value for name, value in request["headers"].items()}
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def lineage_events(name: str) -> list[Any]:
    return [exact_json.loads(body_of(request)) for request in requests(name)]

"""A program that listens, as the tests need it: blocking, with its own connection."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATIENCE = 15


class Listener:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def hear(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message, heartbeats aside."""
        while True:
            message: dict[str, Any] = json.loads(self.connection.recv(timeout))
            if message["type"] != "heartbeat":
                return message

    def subscribe(self, after: int | None = None, **more: Any) -> dict[str, Any]:
        self.say(type="subscribe", after=after, **more)
        return self.hear()

    def events(self, count: int) -> list[dict[str, Any]]:
        return [self.hear()["event"] for _ in range(count)]


@contextmanager
def listening(url: str, headers: dict[str, str]) -> Iterator[Listener]:
    with connect(url, additional_headers=headers, open_timeout=PATIENCE, close_timeout=2) as connection:
        yield Listener(connection)


def positions(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["sequence"]) for event in events]

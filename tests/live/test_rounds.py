"""The rounds through the sockets go on, whatever one of them does."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from tags.errors import NotAuthenticated
from tags.live.rounds import Rounds, Socket


class Played:
    """A socket whose credential is looked at with this result."""

    def __init__(self, result: Any) -> None:
        self.organization_id = uuid4()
        self.credential = SimpleNamespace(key=("played", str(uuid4())), listener=None)
        self.hub = self
        self._result = result
        self.looked = 0
        self.ended: list[int] = []

    async def ask(self, _: Any) -> Any:
        self.looked += 1
        if isinstance(self._result, Exception):
            raise self._result
        return SimpleNamespace(organization_id=self.organization_id)

    def beat(self) -> None: ...

    def end_if_stalled(self, now: float) -> None: ...

    def end(self, code: int, reason: str) -> None:
        self.ended.append(int(code))


def test_a_credential_that_cannot_be_looked_at_ends_its_socket_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tags.live.rounds._CHECK", 0.01)
    broken, gone, good = Played(RuntimeError("odd")), Played(NotAuthenticated("gone")), Played(None)

    async def go_round() -> None:
        rounds = Rounds()
        for socket in (broken, gone, good):
            rounds.join(cast(Socket, socket))
        await asyncio.sleep(0.2)

    asyncio.run(go_round())
    assert (set(broken.ended), set(gone.ended), good.ended) == ({1013}, {4410}, [])
    assert good.looked > 2

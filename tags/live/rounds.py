"""The rounds through all sockets of an event loop: heartbeats, stalled ones, credentials that have ended."""

import asyncio
import logging
from typing import Protocol
from uuid import UUID

from django.db import DatabaseError

from tags import metrics
from tags.errors import Forbidden, NotAuthenticated
from tags.live.hub import Hub
from tags.live.listeners import Credential
from tags.live.messages import CloseCode

logger = logging.getLogger("tagsite.live")

# Seconds between heartbeats, and between looks whether the credentials still hold.
_HEARTBEAT = 20
_CHECK = 2


class Socket(Protocol):
    """One whose caller is known."""

    hub: Hub
    credential: Credential
    organization_id: UUID

    def beat(self) -> None: ...

    def end_if_stalled(self, now: float) -> None: ...

    def end(self, code: CloseCode, reason: str) -> None: ...


class Rounds:
    def __init__(self) -> None:
        self._sockets: dict[Socket, int] = {}  # with the second in which its heart beats
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._check())]
        self._joined = 0

    def join(self, socket: Socket) -> None:
        self._joined += 1
        self._sockets[socket] = self._joined % _HEARTBEAT
        metrics.SOCKETS.inc()

    def leave(self, socket: Socket) -> None:
        if self._sockets.pop(socket, None) is not None:
            metrics.SOCKETS.dec()

    async def _beat(self) -> None:
        """A twentieth of the sockets each second, so that their hearts do not beat all at once."""
        second = 0
        while True:
            await asyncio.sleep(1)
            second = (second + 1) % _HEARTBEAT
            now = asyncio.get_running_loop().time()
            for socket, its_second in list(self._sockets.items()):
                socket.end_if_stalled(now)
                if its_second == second:
                    socket.beat()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_CHECK)
            by_credential: dict[tuple[str, str], list[Socket]] = {}
            for socket in self._sockets:
                by_credential.setdefault(socket.credential.key, []).append(socket)
            for sockets in by_credential.values():
                code, reason = await _look(sockets[0])
                if code is not None:
                    for socket in sockets:
                        socket.end(code, reason)


async def _look(socket: Socket) -> tuple[CloseCode | None, str]:
    """The code and reason with which the credential's sockets must end; None while it holds."""
    try:
        caller = await socket.hub.ask(socket.credential.listener)
    except (NotAuthenticated, Forbidden):
        return CloseCode.ENDED, "the credential has ended"
    except DatabaseError:
        return None, ""  # nothing can be asked, and nothing can be heard either
    except Exception:
        # The rounds must go on for everybody else, and nobody listens on who cannot be looked at.
        logger.exception("a credential could not be looked at")
        return CloseCode.TRY_AGAIN, "the credential could not be looked at"
    if caller.organization_id != socket.organization_id:
        return CloseCode.ENDED, "the credential has ended"
    return None, ""


_all_rounds: dict[asyncio.AbstractEventLoop, Rounds] = {}


def rounds() -> Rounds:
    """The rounds of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _all_rounds:
        _all_rounds[loop] = Rounds()
    return _all_rounds[loop]

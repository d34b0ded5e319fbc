"""The channel layer as it is used here: it tells all processes something that may be lost."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from channels.layers import channel_layers

logger = logging.getLogger("tagsite.live")

# How long Redis may take before a message is given up, in seconds; and the pause before it is listened to anew.
_PATIENCE = 1.0
_PAUSE = 1.0


class Caster:
    """Sends to a group; trouble is said once, not for every message."""

    def __init__(self, group: str, consequence: str) -> None:
        self._group, self._consequence = group, consequence
        self._is_broken = False

    async def send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await channel_layers["default"].group_send(self._group, message)
        except Exception as error:  # noqa: BLE001  # whatever Redis' client raises, what is sent here may be lost
            if not self._is_broken:
                logger.warning("channel layer not reached; %s", self._consequence, extra={"reason": repr(error)})
            self._is_broken = True
        else:
            if self._is_broken:
                logger.warning("channel layer reached again")
            self._is_broken = False


async def messages(group: str) -> AsyncIterator[Any]:
    """What is sent to the group from now on, without end; after any trouble it is listened to anew."""
    while True:
        try:
            layer = channel_layers["default"]
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
            while True:
                yield await layer.receive(channel)
        except Exception as error:  # noqa: BLE001  # whatever Redis' client raises, one goes on listening
            logger.warning("channel layer not heard", extra={"reason": repr(error)})
            await asyncio.sleep(_PAUSE)

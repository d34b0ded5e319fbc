"""What a socket needs of the server below it; ASGI itself offers nothing like it."""

from typing import Protocol

# Under this name the server puts the line among the scope's extensions (tagsite/socket_protocol.py).
LINE = "tagsite.line"


class Line(Protocol):
    """The connection below the socket, to which one can write without waiting."""

    def is_free(self) -> bool: ...

    def write_text(self, text: bytes) -> None: ...

    async def drained(self) -> None:
        """Wait until `is_free`; raises ConnectionError when the connection is gone."""

    def end(self, code: int, reason: str) -> None:
        """Close now: whoever does not read gets a few seconds to take the close frame, then the line is cut."""

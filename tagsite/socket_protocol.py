"""uvicorn's WebSocket protocol, with a line on which the application may write without waiting for each client.

ASGI's `send` waits while a client does not read, also to close it, and a transport with unsent data never closes by
itself. One client that never reads would hold its memory for good.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

from tags.live.line import LINE

# Seconds that a client has to take what is left and the close frame.
_PATIENCE = 5.0


class SocketProtocol(WebSocketsSansIOProtocol):
    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[LINE] = self

    def is_free(self) -> bool:
        return self.writable.is_set()

    def write_text(self, text: bytes) -> None:
        """One unmasked frame, as RFC 6455 has it for servers; nothing once the connection is closing."""
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(_frame(text))

    async def drained(self) -> None:
        await self.writable.wait()
        if self.close_sent or self.disconnected or self.transport.is_closing():
            raise ConnectionError

    def end(self, code: int, reason: str) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_PATIENCE, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


def _frame(text: bytes) -> bytes:
    """Made once for a message that goes to many: the last one is kept."""
    global _last
    if _last[0] is not text:
        _last = text, Frame(Opcode.TEXT, text).serialize(mask=False)
    return _last[1]


_last: tuple[bytes, bytes] = b"", b""

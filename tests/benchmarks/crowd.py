"""Many clients in one process, so light that they leave the processor to the server: raw sockets and epoll.

Started with its task as JSON; says `ready` when all are subscribed, then one line for each event when all have it:
the event's number, and when the first, the median, the 99th percentile and the last of them had it (monotonic seconds).
"""

import base64
import json
import os
import re
import select
import socket
import sys
import time
from typing import Any

_EVENT = re.compile(rb'"sequence"\s*:\s*"(\d+)"')
_PING, _CLOSE = 9, 8


def main() -> None:
    task = json.loads(sys.argv[1])
    lines = [_Line(task) for _ in range(task["clients"])]
    by_file = {line.socket.fileno(): line for line in lines}
    poll = select.epoll()
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    waiting = len(lines) if task["message"] else 0
    if not waiting:
        print("ready", flush=True)
    times: dict[int, list[float]] = {}
    while True:
        for file, _ in poll.poll():
            if file not in by_file:
                return  # whoever started this has gone
            for payload in by_file[file].frames():
                found = _EVENT.search(payload)
                if found:
                    _note(times, int(found[1]), len(lines))
                elif b'"subscribed"' in payload:
                    waiting -= 1
                    if not waiting:
                        print("ready", flush=True)


def _note(times: dict[int, list[float]], number: int, clients: int) -> None:
    had = times.setdefault(number, [])
    had.append(time.monotonic())
    if len(had) == clients:
        del times[number]
        print(json.dumps([number, had[0], had[clients // 2], had[clients * 99 // 100], had[-1]]), flush=True)


class _Line:
    def __init__(self, task: dict[str, Any]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", task["port"]), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = {
            "Host": f"127.0.0.1:{task['port']}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **task["headers"],
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"GET {task['path']} HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        self._rest = answer.partition(b"\r\n\r\n")[2]
        if task["message"]:
            self._send(0x81, json.dumps(task["message"]).encode())
        self.socket.setblocking(False)

    def _send(self, kind: int, payload: bytes) -> None:
        """One frame, with the mask 0 (RFC 6455, 5.2); short ones only."""
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self.socket.sendall(bytes([kind]) + length + bytes(4) + payload)

    def frames(self) -> list[bytes]:
        """The payloads of the text frames that have come."""
        data = self._rest + self.socket.recv(2**18)
        payloads = []
        start = 0
        while len(data) - start >= 2:
            length, at = data[start + 1], start + 2
            if length == 126:
                length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            elif length == 127:
                length, at = int.from_bytes(data[at : at + 8], "big"), at + 8
            if len(data) < at + length:
                break
            kind = data[start] & 15
            if kind == _PING:
                self._send(0x8A, data[at : at + length])
            elif kind == _CLOSE:
                raise SystemExit(f"the server closed a socket: {data[at : at + length]!r}")
            else:
                payloads.append(data[at : at + length])
            start = at + length
        self._rest = data[start:]
        return payloads


if __name__ == "__main__":
    main()

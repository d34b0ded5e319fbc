"""The product's server as production runs it, and a client so light that it leaves the processor to the server."""

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from tests.benchmarks.preload import FOLDER, PROJECT

# How production serves. {port} is filled in.
COMMAND = [sys.executable, "manage.py", "serve", "--port", "{port}"]
# A line for each request, as in production.
LOG = FOLDER / "server.log"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@contextmanager
def running(more_arguments: Sequence[str] = ()) -> Iterator[int]:
    """The port of a server that works on the database of this process's environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [part.format(port=port) for part in [*COMMAND, *more_arguments]]
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=os.environ, stdout=subprocess.DEVNULL, stderr=log)
    try:
        _wait_until_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), closing(Client(port)) as client:
            if client.send(request("GET", "/readyz")).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not become ready; see {LOG}")


def request(
    method: str, path: str, token: str = "", body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    """The bytes of an HTTP request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    lines += [f"X-API-Key: {token}"] if token else []
    lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "\r\n"]).encode() + body


class Client:
    """One connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def start(self, request: bytes) -> None:
        self._socket.sendall(request)

    def finish(self) -> bytes:
        """The whole response, head and body."""
        response = b""
        while b"\r\n\r\n" not in response:
            response += self._receive()
        end = response.index(b"\r\n\r\n") + 4
        length = _CONTENT_LENGTH.search(response, 0, end)
        while length and len(response) < end + int(length[1]):
            response += self._receive()
        return response

    def _receive(self) -> bytes:
        part = self._socket.recv(2**18)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def send(self, request: bytes) -> bytes:
        self.start(request)
        return self.finish()


def body_of(response: bytes) -> bytes:
    """Raises RuntimeError unless it is a 200."""
    head, _, body = response.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the server answered {response[:2000].decode(errors='replace')}")
    return body


def send_all(port: int, clients: int, requests: Iterable[bytes]) -> None:
    """Send the requests from so many clients at once, each its next as soon as its last is answered."""
    rest = iter(requests)
    with selectors.DefaultSelector() as selector:
        busy = 0
        for _, first in zip(range(clients), rest, strict=False):
            client = Client(port)
            selector.register(client, selectors.EVENT_READ, client)
            client.start(first)
            busy += 1
        while busy:
            for key, _ in selector.select():
                client = key.data
                body_of(client.finish())
                following = next(rest, None)
                if following is not None:
                    client.start(following)
                else:
                    selector.unregister(client)
                    client.close()
                    busy -= 1

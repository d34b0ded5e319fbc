"""A mail server on a real socket, as far as one mail needs it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue
from typing import cast

_OK, _GO_ON = b"250 ok\r\n", b"354 go on\r\n"


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails: Queue[EmailMessage] = Queue()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            is_data = line.upper().startswith(b"DATA")
            self.wfile.write(_GO_ON if is_data else _OK)
            if is_data:
                lines = iter(self.rfile.readline, b".\r\n")
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                self.server.mails.put(cast(EmailMessage, mail))
                self.wfile.write(_OK)


@contextmanager
def running() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()

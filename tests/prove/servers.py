"""The product's servers, as the attacks need them beside those of tests/live/servers.py."""

import tempfile

from tests.live.servers import LiveServer


class WebServer(LiveServer):
    """`manage.py serve` as production runs it: two web processes, no sockets."""

    def command(self) -> list[str]:
        return ["manage.py", "serve", "--port", str(self.port), "--workers", "2"]


class UncheckedServer(LiveServer):
    """The server of `manage.py serve --one-process`, which by that command refuses a role that is too powerful."""

    def command(self) -> list[str]:
        return ["-m", "tagsite.server", "all", "127.0.0.1", str(self.port), tempfile.mkdtemp(prefix="prove-")]

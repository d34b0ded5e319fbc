"""The product's servers, as the attacks need them beside those of tests/live/servers.py."""

from tests.live.servers import LiveServer


class WebServer(LiveServer):
    """`manage.py serve` as production runs it: two web processes, no sockets."""

    def command(self) -> list[str]:
        return ["manage.py", "serve", "--port", str(self.port), "--workers", "2"]

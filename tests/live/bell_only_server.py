"""A server broken on purpose: no poll behind the bell, and no reading of what was missed."""

import os
import sys
import tempfile
from typing import Any

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        import django

        django.setup()
        from tags.live import hub

        async def catch_up(self: hub.Hub, feed: hub.Feed, subscription: hub.Subscription) -> None:
            subscription.position, subscription.catching_up = feed.position, None
            feed.live.add(subscription)

        broken: Any = hub
        broken.POLL = 1e6
        broken.Hub._catch_up = catch_up
        from tagsite.server import _serve_sockets

        _serve_sockets("127.0.0.1", int(sys.argv[1]))

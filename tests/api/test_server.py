"""The API over a real socket, where HTTP itself matters: lengths, chunks, raw bytes."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.openapi import Exchange, document
from tests.cast import Tenant, operation

MEBIBYTE = 2**20
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(server_url: str, tenant: Tenant) -> Iterator[httpx.Client]:
    """A program, each of whose responses is held against the OpenAPI document."""

    def check(response: httpx.Response) -> None:
        response.read()
        request = response.request
        headers = {name.lower(): value for name, value in response.headers.items()}
        path, sent = request.url.path, b"" if response.status_code >= 300 else request.read()
        document().check(Exchange(request.method, path, response.status_code, headers, response.content, sent))

    with httpx.Client(
        base_url=server_url, headers={"X-API-Key": tenant.token}, event_hooks={"response": [check]}, timeout=30
    ) as found:
        yield found


def batch(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return {"tags": [operation("add", tenant.execution("extract"), "extract", "approved", **more)]}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_batch_is_applied(client: httpx.Client, tenant: Tenant) -> None:
    body = batch(tenant)
    assert client.patch("/api/task-tags", json=body).json() == {"tags": [{"status": "added"}]}
    execution_id = body["tags"][0]["flow_execution_id"]
    (tag,) = client.get("/api/task-tags", params={"flow_execution_id": execution_id}).json()
    assert tag["tag"] == "approved"


def test_a_chunked_body_is_read(client: httpx.Client, tenant: Tenant) -> None:
    text = json.dumps(batch(tenant)).encode()
    chunks = (text[start : start + 10] for start in range(0, len(text), 10))
    answer = httpx.patch(f"{client.base_url}/api/task-tags", content=chunks, headers={**client.headers, **JSON})
    assert answer.json() == {"tags": [{"status": "added"}]}


def test_a_chunked_body_over_the_limit_is_too_large(client: httpx.Client) -> None:
    chunks = (b" " * 65_536 for _ in range(32))
    assert code(client.patch("/api/task-tags", content=chunks, headers=JSON)) == (413, "payload_too_large")


@pytest.mark.parametrize("over", [1, MEBIBYTE])
def test_a_body_over_the_limit_is_too_large(client: httpx.Client, over: int) -> None:
    body = b'{"tags": []}' + b" " * (MEBIBYTE - 12 + over)
    response = client.patch("/api/task-tags", content=body, headers=JSON)
    assert code(response) == (413, "payload_too_large")


def test_a_task_execution_of_ten_mebibytes_is_taken(client: httpx.Client, tenant: Tenant) -> None:
    report = {
        "flow_execution_id": str(tenant.execution().id),
        "task_name": "extract",
        "task_execution_idx": 0,
        "processing_status": "completed",
        "output": "é" * 5 * MEBIBYTE,
    }
    response = client.post(
        "/api/task-executions",
        content=json.dumps(report, ensure_ascii=False).encode(),
        headers=JSON,
    )
    assert response.status_code == 201
    assert client.get(f"/api/task-executions/{response.json()['id']}").json()["output"] == report["output"]


def test_a_long_list_arrives_whole(client: httpx.Client, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    for start in range(0, 1500, 100):
        numbers = range(start, start + 100)
        tags = [operation("add", execution, "extract", f"tag {n}", tag_metadata="x" * 800) for n in numbers]
        assert client.patch("/api/task-tags", json={"tags": tags}).status_code == 200
    response = client.get("/api/task-tags", params={"flow_execution_id": str(execution.id)})
    assert len(response.content) > MEBIBYTE
    assert sorted(tag["tag"] for tag in response.json()) == sorted(f"tag {number}" for number in range(1500))


def test_the_connection_serves_on_after_an_error(client: httpx.Client) -> None:
    for _ in range(3):
        assert code(client.patch("/api/task-tags", content=b"{")) == (415, "unsupported_media_type")
        assert client.get("/api/profile/me").status_code == 200


def test_odd_text_in_a_query_arrives_unchanged(client: httpx.Client, tenant: Tenant) -> None:
    name = "é\u202e\U0001f680 +&%=#/?"
    execution = tenant.execution(name)
    tags = [operation("add", execution, name, "approved")]
    assert client.patch("/api/task-tags", json={"tags": tags}).status_code == 200
    query = {"flow_execution_id": str(execution.id), "task_name": name}
    assert len(client.get("/api/task-tags", params=query).json()) == 1


def test_head_has_the_headers_and_no_body(client: httpx.Client) -> None:
    response = client.head("/api/profile/me")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api", "/api/task-tags/x"])
def test_an_unknown_path_is_not_found(client: httpx.Client, path: str) -> None:
    assert code(client.get(path)) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "BREW", "TRACE", "PROPFIND"])
def test_an_unknown_method_is_not_allowed(client: httpx.Client, method: str) -> None:
    assert code(client.request(method, "/api/events")) == (405, "method_not_allowed")


def test_a_host_that_is_not_ours_is_a_bad_request(client: httpx.Client) -> None:
    assert code(client.get("/api/profile/me", headers={"Host": "evil.example"})) == (400, "bad_request")


def test_the_document_and_its_page_are_served_with_all_they_load(client: httpx.Client, server_url: str) -> None:
    del client.headers["X-API-Key"]
    assert client.get("/api/schema").json()["info"]["title"] == "Tagsite"
    page = client.get("/api/docs").text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/static/drf_spectacular_sidecar/swagger-ui-dist/{name}" in page
        loaded = httpx.get(f"{server_url}/static/drf_spectacular_sidecar/swagger-ui-dist/{name}")
        assert loaded.status_code == 200
        assert len(loaded.content) > 10_000


CHARSETS = ["utf-8", "utf-16", "idna", "hex", "rot13", "undefined", "unicode_escape", "utf-7", "nonsense"]


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_says_nothing_of_the_query(client: httpx.Client, charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    assert client.get("/api/events?after=0&limit=1&x=%ff", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, JSON, {"Content-Type": "application/json; charset=utf-8"}], ids=str)
def test_too_many_parameters_are_a_bad_request(client: httpx.Client, headers: dict[str, str]) -> None:
    response = client.get("/api/events?" + "&".join(["a=1"] * 1500), headers=headers)
    assert code(response) == (400, "bad_request")


# Bytes that no client library would send


def exchange(server_url: str, request: bytes, cut: bool = False) -> tuple[int, bytes]:
    """The status, 0 if the connection was just closed, and the whole answer; `cut` ends the request where it is."""
    address = urlsplit(server_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        answer = b""
        with suppress(OSError):  # it may have answered and gone before all was sent
            connection.sendall(request)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
    return (int(answer.split(b" ", 2)[1]) if answer else 0), answer


def head(method: bytes, target: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join(
        [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""]
    )


@pytest.mark.parametrize(
    "target",
    [b"/api/\xff\xfe", b"/api/%ff", b"/api/%zz", b"/api/%", b"/api/%00", b"/api/x?%ff=%zz", b"/api/" + b"x" * 60_000],
    ids=lambda target: str(target[:20]),
)
def test_raw_bytes_in_a_path_are_at_most_not_found(server_url: str, target: bytes) -> None:
    status, answer = exchange(server_url, head(b"GET", target))
    assert status in (0, 400, 404, 414, 431)
    if status == 404:
        assert b'"code":"not_found"' in answer


@pytest.mark.parametrize(
    "header",
    [
        b"X-API-Key: \xff\xfe",
        b"X-API-Key: " + b"x" * 60_000,
        b"X-API-Key: " + b"x" * 1_000_000,
        b"X-API-Key: a\x00b",
        b"Authorization: Bearer \xc3\xa9",
        b"Cookie: sessionid=\xff",
        b"X-Request-ID: \xff",
        b"no colon",
        b": no name",
    ],
    ids=lambda header: str(header[:24]),
)
def test_raw_bytes_in_a_header_are_at_most_no_credential(server_url: str, header: bytes) -> None:
    status, answer = exchange(server_url, head(b"GET", b"/api/profile/me", header))
    assert status in (0, 400, 401, 431)
    if status == 401:
        assert b'"code":"user_info_not_found"' in answer


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: -1",),
        (b"Content-Length: x",),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip",),
        (b"Content-Length: 99999999999999999999999",),
    ],
    ids=str,
)
def test_a_length_that_makes_no_sense_is_no_fault_of_ours(
    server_url: str, tenant: Tenant, headers: tuple[bytes]
) -> None:
    key = b"X-API-Key: " + tenant.token.encode()
    request = head(b"PATCH", b"/api/task-tags", key, b"Content-Type: application/json", *headers) + b"{}"
    status, _ = exchange(server_url, request)
    assert status < 500


def test_a_length_over_the_limit_is_refused_before_the_body_comes(server_url: str, tenant: Tenant) -> None:
    key = b"X-API-Key: " + tenant.token.encode()
    request = head(b"PATCH", b"/api/task-tags", key, b"Content-Type: application/json", b"Content-Length: 999999999")
    address = urlsplit(server_url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413")


def test_a_body_that_ends_too_early_changes_nothing(server_url: str, tenant: Tenant, client: httpx.Client) -> None:
    key = b"X-API-Key: " + tenant.token.encode()
    body = json.dumps(batch(tenant)).encode()
    length = b"Content-Length: %d" % len(body)
    whole = head(b"PATCH", b"/api/task-tags", key, b"Content-Type: application/json", length) + body
    status, _ = exchange(server_url, whole[:-1], cut=True)
    assert status < 500
    assert client.get("/api/task-executions", params={"tag": "approved"}).json()["task_executions"] == []

"""Requests that wait: they are answered when something happens, and hold nothing meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tags.models import FlowExecution
from tests.cast import Tenant, operation
from tests.live.servers import LiveServer
from tests.live.test_socket import newest


class Waiting(threading.Thread):
    """A request under way; `answer()` waits for it."""

    def __init__(self, client: httpx.Client, path: str, query: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._client, self._path, self._query = client, path, query
        self.started = time.monotonic()
        self.seconds = 0.0
        self.response: httpx.Response | None = None

    def run(self) -> None:
        self.response = self._client.get(self._path, params=self._query)
        self.seconds = time.monotonic() - self.started

    def answer(self) -> httpx.Response:
        self.join(20)
        assert self.response is not None
        return self.response


Ask = Callable[..., Waiting]


@pytest.fixture
def ask(live: LiveServer, tenant: Tenant) -> Iterator[Ask]:
    """Ask for something that is waited for, and let the request get there."""
    with httpx.Client(base_url=live.url, headers=tenant.api("viewer").headers, timeout=40) as client:

        def start(path: str, **query: Any) -> Waiting:
            waiting = Waiting(client, path, query)
            waiting.start()
            time.sleep(0.5)
            return waiting

        yield start


def awaited(execution: FlowExecution, **more: Any) -> dict[str, Any]:
    return {"flow_execution_id": str(execution.id), "task_name": "extract", "tag_type": "review", **more}


def test_events_that_are_there_are_answered_at_once(ask: Ask, tenant: Tenant) -> None:
    tenant.execution("extract")
    page = ask("/api/events", after=0, wait=30)
    assert len(page.answer().json()["events"]) == 2
    assert page.seconds < 5


def test_the_next_event_ends_the_wait(ask: Ask, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    before = newest(tenant)
    waiting = ask("/api/events", after=before, wait=30)
    assert waiting.is_alive()
    tenant.api().tag(operation("add", execution, "extract", "approved"))
    page = waiting.answer().json()
    assert ([event["data"]["tag"] for event in page["events"]], page["position"]) == (["approved"], before + 1)
    assert waiting.seconds < 5


def test_when_the_time_is_over_the_page_is_empty_and_further_on(ask: Ask, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    waiting = ask("/api/events", after=newest(tenant), wait=2, tag_type="risk")
    tenant.api().tag(operation("add", execution, "extract", "approved"))
    answer = waiting.answer()
    assert answer.json() == {"events": [], "position": newest(tenant), "reset": False}
    assert 2 <= waiting.seconds < 6


def test_only_what_is_selected_ends_the_wait(ask: Ask, tenant: Tenant, neighbour: Tenant) -> None:
    execution, foreign = tenant.execution("extract", "pay"), neighbour.execution("extract")
    waiting = ask("/api/events", after=newest(tenant), wait=30, task_name="pay", types=["task_tag.added"])
    neighbour.api().tag(operation("add", foreign, "extract", "approved"))
    tenant.api().tag(operation("add", execution, "extract", "approved"))
    time.sleep(1.5)
    assert waiting.is_alive()
    tenant.api().tag(operation("add", execution, "pay", "approved"))
    assert [event["data"]["task_name"] for event in waiting.answer().json()["events"]] == ["pay"]


def test_a_position_ahead_is_not_waited_for(ask: Ask, tenant: Tenant) -> None:
    assert ask("/api/events", after=newest(tenant) + 1, wait=30).answer().json()["reset"] is True


def test_a_pipeline_waits_for_the_approval(ask: Ask, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    waiting = ask("/api/task-tags/wait", **awaited(execution, timeout=30))
    tenant.api().tag(operation("add", execution, "extract", "seen", tag_type="audit"))
    time.sleep(0.5)
    assert waiting.is_alive()
    tenant.api("reviewer").tag(operation("add", execution, "extract", "approved", tag_metadata={"by": "hand"}))
    (tag,) = waiting.answer().json()
    assert (tag["tag"], tag["tag_metadata"]) == ("approved", {"by": "hand"})


def test_without_an_approval_the_pipeline_hears_204(ask: Ask, tenant: Tenant) -> None:
    waiting = ask("/api/task-tags/wait", **awaited(tenant.execution("extract"), timeout=1))
    assert waiting.answer().status_code == 204
    assert 1 <= waiting.seconds < 5


def test_what_is_deleted_is_no_longer_waited_for(ask: Ask, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    waiting = ask("/api/task-tags/wait", **awaited(execution, timeout=30))
    tenant.api().delete(f"/api/flow-executions/{execution.id}")
    assert waiting.answer().json()["error"]["code"] == "not_found"


def test_a_key_revoked_meanwhile_hears_nothing(live: LiveServer, tenant: Tenant) -> None:
    from tests.live.test_listeners import _revoke_key

    execution = tenant.execution("extract")
    with httpx.Client(base_url=live.url, headers=tenant.api().headers, timeout=40) as client:
        waiting = Waiting(client, "/api/events", {"after": newest(tenant), "wait": 30})
        waiting.start()
        time.sleep(0.5)
        _revoke_key(tenant)
        tenant.api("reviewer").tag(operation("add", execution, "extract", "secret"))
        assert waiting.answer().status_code == 401


def test_one_request_keeps_its_id_however_long_it_waits(live: LiveServer, tenant: Tenant) -> None:
    with httpx.Client(base_url=live.url, headers=tenant.api().headers) as client:
        query = {"after": newest(tenant), "wait": 1}
        answer = client.get("/api/events", params=query, headers={"X-Request-ID": "mine-9"})
        assert answer.headers["X-Request-ID"] == "mine-9"
        assert len(client.get("/api/events", params=query).headers["X-Request-ID"]) == 26


def test_hundreds_that_wait_hold_no_thread_and_no_connection(
    live: LiveServer, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    execution = tenant.execution("extract")

    async def wait_all() -> tuple[list[httpx.Response], float]:
        limits = httpx.Limits(max_connections=None)
        headers = tenant.api().headers
        async with httpx.AsyncClient(base_url=live.url, headers=headers, timeout=60, limits=limits) as client:
            query = awaited(execution, timeout=60)
            waiting = [asyncio.create_task(client.get("/api/task-tags/wait", params=query)) for _ in range(300)]
            await asyncio.sleep(8)
            assert not any(task.done() for task in waiting)
            role = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state <> 'idle'"
            (busy,) = owner.execute(role, [owner.execute("SELECT current_database()").fetchone()[0]]).fetchone()  # type: ignore[index,misc]
            assert busy == 0
            started = time.monotonic()
            assert (await client.get("/api/profile/me")).status_code == 200
            answered_after = time.monotonic() - started
            change = {"tags": [operation("add", execution, "extract", "approved")]}
            assert (await client.patch("/api/task-tags", json=change)).status_code == 200
            return await asyncio.gather(*waiting), answered_after

    answers, seconds = asyncio.run(wait_all())
    assert {answer.status_code for answer in answers} == {200}
    assert seconds < 2

"""live.js, driven by hand in a real browser: against a real server, or against one that the test plays."""

import json
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute

from tests.browser.people import PATIENCE, forgive, log_in, server_away
from tests.browser.test_live_page import end_sessions
from tests.cast import Tenant, operation
from tests.live.conftest import LiveServer
from tests.live.test_socket import newest, tag_many

# Notes in `heard` all that the module hands over. `before` is what onEvent does first, to be slow or to fail.
LISTEN = """
    async ({ module, options, before, ticket }) => {
        const { connect } = await import(module);
        const AsyncFunction = (async () => {}).constructor;
        const handle = new AsyncFunction("event", "position", before);
        window.heard = [];
        window.stream = connect({
            ...options,
            ...(ticket && { ticket: () => window.fetchTicket() }),
            onEvent: async (event, position) => {
                await handle(event, position);
                heard.push(position);
            },
            onReset: async (position) => {
                heard.push("reset begins");
                await new Promise((done) => setTimeout(done, 100));
                heard.push(`reset to ${position}`);
            },
            onState: (state, reason) => heard.push(reason ? `${state}: ${reason}` : state),
        });
    }
"""
# A turn of the page's event loop; no timer, because the test may hold the clock.
LET_OTHERS_GO_FIRST = """
    () => new Promise((done) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = done;
        port2.postMessage(0);
    })
"""
MODULE = "/static/tags/live.js"


def listen(page: Page, before: str = "", module: str = MODULE, ticket: bool = False, **options: Any) -> None:
    page.evaluate(LISTEN, {"module": module, "options": options, "before": before, "ticket": ticket})


def heard(page: Page) -> list[Any]:
    return list(page.evaluate("heard"))


def positions(page: Page) -> list[int]:
    return [item for item in heard(page) if isinstance(item, int)]


def wait_until_heard(page: Page, item: Any) -> None:
    page.wait_for_function("item => heard.includes(item)", arg=item, timeout=2 * PATIENCE)


def wait_until_state(page: Page, state: str) -> None:
    page.wait_for_function("state => stream.state === state", arg=state, timeout=PATIENCE)


def hold_clock(page: Page) -> None:
    """From here on the page's time stands still but for what the test lets pass."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)


@pytest.fixture
def may_evaluate() -> bool:
    return True


@pytest.fixture
def quiet_page(page: Page, tenant: Tenant) -> Page:
    """Something of our own origin that has no stream of its own, with somebody logged in."""
    log_in(page, tenant)
    page.goto("/healthz")
    return page


class PlayedServer:
    """The server's side of every socket, played by the test. Connections are numbered from 0."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets: list[WebSocketRoute] = []
        self.said: list[list[dict[str, Any]]] = []
        page.route_web_socket("**/ws/events", self._accept)
        page.goto("/healthz")

    def _accept(self, socket: WebSocketRoute) -> None:
        said: list[dict[str, Any]] = []
        self.sockets.append(socket)
        self.said.append(said)
        socket.on_message(lambda text: said.append(json.loads(text)))

    def wait_for_message(self, connection: int = 0, count: int = 1) -> dict[str, Any]:
        """The last of the first `count` messages of that connection."""
        for _ in range(PATIENCE // 10):
            if len(self.said) > connection and len(self.said[connection]) >= count:
                return self.said[connection][count - 1]
            self.page.evaluate(LET_OTHERS_GO_FIRST)
        raise AssertionError(f"nothing was said on connection {connection}; said: {self.said}")

    def say(self, *messages: dict[str, Any], connection: int = -1) -> None:
        for message in messages:
            self.sockets[connection].send(json.dumps(message))

    def send_events(self, *sequences: int) -> None:
        self.say(*({"type": "event", "event": {"sequence": f"{sequence:019}"}} for sequence in sequences))

    def subscribe(self, position: int, connection: int = 0) -> dict[str, Any]:
        """Answer the subscription."""
        asked = self.wait_for_message(connection)
        self.say({"type": "subscribed", "position": position}, connection=connection)
        return asked

    def lose_line(self, code: int = 1012) -> None:
        self.sockets[-1].close(code=code)


@pytest.fixture
def server(page: Page) -> PlayedServer:
    return PlayedServer(page)


# With a real server


def test_a_thousand_events_arrive_in_order_and_once(quiet_page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    start = newest(tenant)
    listen(quiet_page, after=start)
    wait_until_heard(quiet_page, "live")
    for batch in range(10):
        tenant.api().tag(*(operation("add", execution, "extract", f"{batch}-{i}") for i in range(100)))
    wait_until_heard(quiet_page, newest(tenant))
    assert positions(quiet_page) == list(range(start + 1, start + 1001))
    assert quiet_page.evaluate("stream.position") == start + 1000


def test_a_slow_handler_is_waited_for_while_the_server_is_killed(
    quiet_page: Page, live: LiveServer, tenant: Tenant, troubles: list[str]
) -> None:
    tag_many(tenant, 30)
    listen(quiet_page, "await new Promise(done => setTimeout(done, 50))", after=0)
    wait_until_heard(quiet_page, 5)
    with server_away(live, troubles):
        wait_until_state(quiet_page, "reconnecting")
        tag_many(tenant, 30)
    wait_until_heard(quiet_page, newest(tenant))
    assert positions(quiet_page) == list(range(1, newest(tenant) + 1))
    forgive(troubles, "WebSocket connection to")


def test_from_now_on_leaves_out_what_was_before(quiet_page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 3)
    start = newest(tenant)
    listen(quiet_page)
    wait_until_heard(quiet_page, "live")
    assert quiet_page.evaluate("stream.position") == start
    tag_many(tenant, 1)
    wait_until_heard(quiet_page, newest(tenant))
    assert positions(quiet_page) == list(range(start + 1, newest(tenant) + 1))


def test_a_position_ahead_of_the_stream_is_reset(quiet_page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    last = newest(tenant)
    listen(quiet_page, after=last + 5)
    wait_until_heard(quiet_page, "live")
    tag_many(tenant, 1)
    wait_until_heard(quiet_page, last + 1)
    assert heard(quiet_page)[:4] == ["reset begins", f"reset to {last}", "live", last + 1]


def test_a_filter_that_the_server_refuses_is_no_use_again(quiet_page: Page) -> None:
    listen(quiet_page, filter={"types": ["task_tag.dropped"]})
    wait_until_heard(quiet_page, "offline: refused")


def test_an_ended_session_ends_it(quiet_page: Page, tenant: Tenant) -> None:
    listen(quiet_page)
    wait_until_heard(quiet_page, "live")
    end_sessions(tenant)
    wait_until_heard(quiet_page, "offline: credential_ended")
    listen(quiet_page)
    wait_until_heard(quiet_page, "offline: not_authenticated")


def test_a_page_of_another_origin_listens_with_tickets(
    context: BrowserContext, page: Page, live: LiveServer, tenant: Tenant, troubles: list[str]
) -> None:
    tickets: list[str] = []

    def fetch_ticket() -> str:
        tickets.append(tenant.api("viewer").post("/api/ws-tickets", {}).json()["ticket"])
        return tickets[-1]

    page.expose_function("fetchTicket", fetch_ticket)
    page.goto(live.url.replace("127.0.0.1", "localhost") + "/healthz")
    tag_many(tenant, 2)
    listen(page, module=live.url + MODULE, ticket=True, after=0)
    wait_until_heard(page, newest(tenant))
    with server_away(live, troubles):
        wait_until_state(page, "reconnecting")
        tag_many(tenant, 2)
    wait_until_heard(page, newest(tenant))
    assert positions(page) == list(range(1, newest(tenant) + 1))
    assert len(set(tickets)) == len(tickets) >= 2
    forgive(troubles, "WebSocket connection to")


# With a played server


def test_what_was_sent_before_is_dropped(server: PlayedServer, page: Page) -> None:
    listen(page, after=0)
    server.subscribe(0)
    server.send_events(1, 2, 2, 1, 3, 3, 4)
    wait_until_heard(page, 4)
    assert heard(page) == ["live", 1, 2, 3, 4]


def test_it_asks_for_what_came_after_the_last_one_handed_over(server: PlayedServer, page: Page) -> None:
    listen(page, after=5)
    assert server.subscribe(5) == {"type": "subscribe", "after": 5}
    server.send_events(6, 7)
    wait_until_heard(page, 7)
    server.lose_line()
    assert server.subscribe(7, connection=1) == {"type": "subscribe", "after": 7}
    server.send_events(8)
    wait_until_heard(page, 8)
    assert heard(page) == ["live", 6, 7, "reconnecting: restarting", "live", 8]


def test_a_heartbeat_moves_a_filtered_position(server: PlayedServer, page: Page) -> None:
    listen(page, after=5, filter={"task_name": "pay", "tag_type": None})
    assert server.subscribe(5) == {"type": "subscribe", "after": 5, "task_name": "pay"}
    server.send_events(9)
    server.say({"type": "heartbeat", "position": 40}, {"type": "heartbeat", "position": None})
    page.wait_for_function("stream.position === 40")
    server.lose_line()
    assert server.subscribe(40, connection=1)["after"] == 40
    assert positions(page) == [9]


@pytest.mark.parametrize(
    "passed", [{"type": "event", "event": {"sequence": "8"}}, {"type": "heartbeat", "position": 8}]
)
def test_a_gap_without_a_filter_is_asked_for_again(
    server: PlayedServer, page: Page, troubles: list[str], passed: dict[str, Any]
) -> None:
    listen(page, after=5)
    server.subscribe(5)
    server.send_events(6)
    server.say(passed)
    assert server.subscribe(6, connection=1)["after"] == 6
    server.send_events(7, 8)
    wait_until_heard(page, 8)
    assert heard(page) == ["live", 6, "reconnecting: gap", "live", 7, 8]
    forgive(troubles, "live.js: gap")


def test_a_reset_is_done_before_what_comes_after_it(server: PlayedServer, page: Page) -> None:
    listen(page, after=5)
    server.wait_for_message()
    server.say({"type": "reset", "position": 50})
    server.send_events(51)
    server.say({"type": "reset", "position": 3})
    server.send_events(4)
    wait_until_heard(page, 4)
    expected = ["reset begins", "reset to 50", "live", 51, "reset begins", "reset to 3", 4]
    assert heard(page) == expected
    server.lose_line()
    assert server.wait_for_message(1)["after"] == 4


def test_events_are_handed_over_one_after_another(server: PlayedServer, page: Page) -> None:
    """The first takes longest."""
    listen(page, "await new Promise(done => setTimeout(done, 60 / position))", after=0)
    server.subscribe(0)
    server.send_events(*range(1, 8))
    wait_until_heard(page, 1)
    assert page.evaluate("stream.position") <= len(positions(page))
    wait_until_heard(page, 7)
    assert positions(page) == list(range(1, 8))


def test_an_event_whose_handler_fails_comes_again(server: PlayedServer, page: Page, troubles: list[str]) -> None:
    listen(page, "if (position === 2 && !window.failed) { window.failed = true; throw new Error('not now'); }", after=0)
    server.subscribe(0)
    server.send_events(1, 2, 3)
    assert server.subscribe(1, connection=1)["after"] == 1
    server.send_events(2, 3)
    wait_until_heard(page, 3)
    assert heard(page) == ["live", 1, "reconnecting: handler_failed", "live", 2, 3]
    assert any("not now" in trouble for trouble in troubles)
    forgive(troubles, "live.js: handler_failed")


@pytest.mark.parametrize(
    ("code", "reason"), [(4401, "not_authenticated"), (4403, "forbidden"), (4410, "credential_ended")]
)
def test_a_refusal_is_the_end(server: PlayedServer, page: Page, code: int, reason: str) -> None:
    hold_clock(page)
    listen(page, after=0)
    server.subscribe(0)
    wait_until_heard(page, "live")
    server.lose_line(code)
    wait_until_heard(page, f"offline: {reason}")
    page.clock.run_for(600_000)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert len(server.sockets) == 1
    assert heard(page) == ["live", f"offline: {reason}"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, "connection_lost"),
        (1012, "restarting"),
        (1013, "unavailable"),
        (4400, "connection_lost"),
        (4429, "too_slow"),
    ],
)
def test_any_other_end_is_an_interruption(server: PlayedServer, page: Page, code: int, reason: str) -> None:
    listen(page, after=0)
    server.subscribe(0)
    wait_until_heard(page, "live")
    server.lose_line(code)
    server.subscribe(0, connection=1)
    page.wait_for_function("heard.length === 3")
    assert heard(page) == ["live", f"reconnecting: {reason}", "live"]


def test_the_pauses_double_up_to_half_a_minute(server: PlayedServer, page: Page) -> None:
    hold_clock(page)
    page.evaluate("Math.random = () => 1")
    listen(page, after=0)
    for attempt, pause in enumerate([250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]):
        server.wait_for_message(attempt)
        server.lose_line()
        page.wait_for_function("count => heard.length === count", arg=attempt + 1)
        page.clock.run_for(pause - 10)
        assert len(server.sockets) == attempt + 1
        page.clock.run_for(10)
    server.subscribe(0, connection=9)
    server.send_events(1)
    wait_until_heard(page, 1)
    server.lose_line()
    wait_until_state(page, "reconnecting")
    page.clock.run_for(250)
    assert server.wait_for_message(10)["after"] == 1


@pytest.mark.parametrize(
    "event", ["window.dispatchEvent(new Event('online'))", "document.dispatchEvent(new Event('visibilitychange'))"]
)
def test_it_does_not_wait_when_the_page_comes_back(server: PlayedServer, page: Page, event: str) -> None:
    hold_clock(page)
    page.evaluate("Math.random = () => 1")
    listen(page, after=0)
    server.subscribe(0)
    wait_until_heard(page, "live")
    page.evaluate(event)
    assert heard(page) == ["live"]
    server.lose_line()
    wait_until_state(page, "reconnecting")
    page.evaluate(event)
    assert server.subscribe(0, connection=1)["after"] == 0


def test_a_silent_line_is_dead_after_50_seconds(server: PlayedServer, page: Page) -> None:
    hold_clock(page)
    listen(page, after=0)
    server.subscribe(0)
    wait_until_heard(page, "live")
    page.clock.run_for(30_000)
    server.say({"type": "heartbeat", "position": 0})
    page.wait_for_timeout(100)
    page.clock.run_for(49_000)
    assert heard(page) == ["live"]
    page.clock.run_for(2_000)
    server.subscribe(0, connection=1)
    wait_until_state(page, "live")
    assert heard(page) == ["live", "reconnecting: silent", "live"]


def test_its_heart_beats_every_20_seconds(server: PlayedServer, page: Page) -> None:
    hold_clock(page)
    listen(page, after=0)
    server.subscribe(0)
    page.clock.run_for(41_000)
    server.wait_for_message(count=3)
    assert server.said[0][1:] == [{"type": "heartbeat"}, {"type": "heartbeat"}]


def test_a_ticket_comes_first_and_each_line_has_a_new_one(server: PlayedServer, page: Page) -> None:
    page.evaluate("() => { let count = 0; window.fetchTicket = async () => `ticket ${++count}`; }")
    listen(page, ticket=True, after=0)
    for connection in range(2):
        assert server.wait_for_message(connection) == {"type": "authenticate", "ticket": f"ticket {connection + 1}"}
        assert len(server.said[connection]) == 1
        server.say({"type": "authenticated"})
        assert server.wait_for_message(connection, 2) == {"type": "subscribe", "after": 0}
        server.lose_line()


def test_without_a_ticket_it_tries_again(server: PlayedServer, page: Page, troubles: list[str]) -> None:
    fail_once = "if (failed++ === 0) throw new Error('503'); return 't';"
    page.evaluate(f"() => {{ let failed = 0; window.fetchTicket = async () => {{ {fail_once} }}; }}")
    listen(page, ticket=True, after=0)
    assert server.wait_for_message() == {"type": "authenticate", "ticket": "t"}
    assert heard(page) == ["reconnecting: no_ticket"]
    forgive(troubles, "live.js: no_ticket")


def test_more_than_the_handlers_can_take_waits_on_the_server(server: PlayedServer, page: Page) -> None:
    listen(page, "if (position === 1) await new Promise(done => { window.letGo = done; })", after=0)
    server.subscribe(0)
    server.send_events(*range(1, 10_100))
    wait_until_heard(page, "reconnecting: too_slow")
    page.evaluate("letGo()")
    asked = server.wait_for_message(1)
    assert 10_000 <= asked["after"] < 10_099
    server.subscribe(asked["after"], connection=1)
    server.send_events(*range(asked["after"] + 1, 10_100))
    wait_until_heard(page, 10_099)
    assert positions(page) == list(range(1, 10_100))


def test_a_closed_one_stays_closed(server: PlayedServer, page: Page) -> None:
    hold_clock(page)
    listen(page, after=0)
    server.subscribe(0)
    wait_until_heard(page, "live")
    page.evaluate("stream.close()")
    server.send_events(1)
    page.clock.run_for(600_000)
    page.evaluate("stream.close()")
    assert heard(page) == ["live", "offline: closed"]
    assert len(server.sockets) == 1


@pytest.mark.parametrize(
    ("after", "position"), [("12", 12), ("12n", 12), ("'0000000000000000012'", 12), ("2 ** 53 - 1", 2**53 - 1)]
)
def test_positions_are_taken_in_every_exact_form(server: PlayedServer, page: Page, after: str, position: int) -> None:
    page.evaluate(f"import('{MODULE}').then(({{ connect }}) => connect({{ after: {after}, onEvent() {{}} }}).position)")
    assert server.wait_for_message() == {"type": "subscribe", "after": position}


@pytest.mark.parametrize("after", ["-1", "1.5", "2 ** 53", "2n ** 53n", "''", "'x'", "NaN", "{}"])
def test_what_is_no_position_is_refused_at_once(server: PlayedServer, page: Page, after: str) -> None:
    error = page.evaluate(
        f"import('{MODULE}').then(({{ connect }}) => connect({{ after: {after} }})).catch(error => error.name)"
    )
    assert error == "RangeError"

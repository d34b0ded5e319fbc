"""/live: what a person sees of the stream, in a real browser, from a real server."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import BrowserContext, Page, expect

from tags.db.tenancy import in_organization
from tags.models import Membership, User
from tests.browser.every_page import WATCH_SHIFTS
from tests.browser.people import forgive, log_in, log_in_by_form, server_away, shown, wait_until_live, wait_until_shown
from tests.cast import Tenant, operation
from tests.live.conftest import LiveServer
from tests.live.test_socket import newest, tag_many

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>&lt;b&gt; \u202e'\""


def rows(page: Page) -> Any:
    return page.locator("#events > li")


def state(page: Page) -> Any:
    return page.locator("#state")


def end_sessions(tenant: Tenant) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(tenant.reviewer.id):
            session.delete()


def test_a_tag_shows_as_it_is_put_on(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("extract fields")
    log_in_by_form(page, tenant, "/live")
    wait_until_live(page)
    tenant.api().tag(operation("add", execution, "extract fields", "approved", tag_type="quality"))
    row = rows(page).first
    expect(row).to_contain_text("Tag added approved quality")
    expect(row).to_contain_text(f"worker · extract fields · run …{str(execution.id)[-8:]}")
    expect(row.get_by_role("link")).to_have_attribute("href", f"/runs/{execution.id}")
    expect(row.locator("time")).to_have_text(re.compile(r"^\d?\d:\d\d:\d\d"))
    expect(page.locator("#count")).to_have_text(f"{newest(tenant)} events")


def test_ones_own_change_says_so(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    log_in(page, tenant)
    tenant.api("reviewer").tag(operation("add", execution, "extract", "approved"))
    expect(rows(page).first.locator(".who")).to_have_text("you")


def test_every_kind_of_event_has_words(page: Page, tenant: Tenant) -> None:
    execution, api = tenant.execution("extract"), tenant.api("admin")
    record = tenant.task(execution, "pay")
    assert api.put("/api/task-executions", {"id": str(record.id), "processing_status": "failed"}).status_code == 200
    api.tag(operation("add", execution, "pay", "a"))
    api.tag(operation("remove", execution, "pay", "a"))
    for status in ("completed", "deleted"):
        assert api.patch(f"/api/flow-executions/{execution.id}/status?status={status}").status_code == 200
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    words = page.locator("#events strong").all_inner_texts()
    assert set(words) == {
        "Flow execution created",
        "Task execution reported",
        "Task execution changed",
        "Tag added",
        "Tag removed",
        "Flow execution changed",
        "Flow execution deleted",
    }


def test_the_page_begins_with_the_last_50_events(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 60)
    last = newest(tenant)
    log_in(page, tenant)
    wait_until_shown(page, last)
    assert shown(page) == list(range(last, last - 50, -1))


def test_the_list_keeps_the_newest_200(page: Page, tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    log_in(page, tenant)
    wait_until_live(page)
    for batch in range(3):
        tenant.api().tag(*(operation("add", execution, "extract", f"{batch}-{i}") for i in range(100)))
    last = newest(tenant)
    wait_until_shown(page, last)
    assert shown(page) == list(range(last, last - 200, -1))
    expect(page.locator("#count")).to_have_text(f"{last} events, the newest 200 shown")


def test_an_empty_stream_says_how_to_fill_it(page: Page, tenant: Tenant) -> None:
    log_in(page, tenant)
    expect(page.get_by_role("heading", name="Nothing has happened yet")).to_be_visible()
    tag_many(tenant, 1)
    wait_until_shown(page, newest(tenant))
    expect(page.locator("#empty")).to_be_hidden()


def test_what_the_empty_page_advises_works(context: BrowserContext, page: Page) -> None:
    tenant = Tenant.create("Newcomers")
    log_in(page, tenant, who="admin")
    with context.expect_page() as opened:
        page.get_by_role("link", name="API page").click()
    api_page = opened.value
    for method, path in (("post", "flow-executions"), ("post", "task-executions"), ("patch", "task-tags")):
        operation = api_page.locator(f'.opblock-{method}:has([data-path="/api/{path}"])')
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_have_text(re.compile("^20"))
    expect(page.locator("#events strong")).to_have_text(
        ["Tag added", "Task execution reported", "Flow execution created"]
    )


def test_a_neighbour_is_never_shown(page: Page, tenant: Tenant, neighbour: Tenant) -> None:
    execution, foreign = tenant.execution("extract"), neighbour.execution("extract")
    neighbour.api().tag(operation("add", foreign, "extract", "foreign before"))
    log_in(page, tenant, f"/live?flow_execution_id={foreign.id}")
    wait_until_live(page)
    neighbour.api().tag(operation("add", foreign, "extract", "foreign after"))
    page.goto("/live")
    wait_until_live(page)
    neighbour.api().tag(operation("add", foreign, "extract", "foreign at last"))
    tenant.api().tag(operation("add", execution, "extract", "own"))
    expect(rows(page).first).to_contain_text("own")
    expect(page.get_by_text("foreign")).to_have_count(0)
    expect(page.get_by_text(str(foreign.id))).to_have_count(0)


def test_hostile_names_are_text(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    execution = tenant.execution(HOSTILE, flow_name=HOSTILE)
    log_in(page, tenant, "/live?tag_type=&task_name=%22%3E%3Cscript%3Edocument.title%3D1%3C/script%3E")
    expect(page.get_by_label("Task name")).to_have_value('"><script>document.title=1</script>')
    page.goto("/live")
    wait_until_live(page)
    tenant.api().tag(operation("add", execution, HOSTILE, HOSTILE, tag_type=HOSTILE[:100]))
    row = rows(page).first
    expect(row.locator(".tag")).to_have_text(HOSTILE)
    expect(row.locator(".more")).to_have_text(HOSTILE[:100])
    expect(row.locator(".task")).to_have_text(HOSTILE)
    expect(page.locator("#events :is(img, script, b b)")).to_have_count(0)
    expect(page).to_have_title("Live · Tagsite")
    assert troubles == []


@pytest.mark.parametrize(
    ("query", "expected", "later"),
    [
        ("type=task_tag.removed", ["- pay b risk"], 3),
        ("task_name=pay", ["- pay b risk", "+ pay b risk"], 2),
        ("tag_type=review", ["+ extract c review", "+ extract a review"], 4),
        ("flow_execution_id={execution}&type=task_tag.added", ["+ pay b risk", "+ extract a review"], 2),
    ],
)
def test_the_query_string_filters_before_and_after(
    page: Page, tenant: Tenant, query: str, expected: list[str], later: int
) -> None:
    one, other = tenant.execution("extract"), tenant.execution("extract")
    tenant.task(one, "pay")

    def change() -> None:
        tenant.api().tag(
            operation("add", one, "extract", "a"),
            operation("add", one, "pay", "b", tag_type="risk"),
            operation("remove", one, "pay", "b", tag_type="risk"),
            operation("add", other, "extract", "c"),
        )

    change()
    log_in(page, tenant, "/live?" + query.format(execution=one.id))
    wait_until_live(page)
    tags = rows(page).filter(has=page.locator(".tag"))
    expect(tags).to_have_count(len(expected))
    tenant.api().tag(operation("remove", one, "extract", "a"), operation("remove", other, "extract", "c"))
    change()
    expect(tags).to_have_count(len(expected) + later)
    seen = [_short(row) for row in tags.all()]
    assert seen[-len(expected) :] == expected
    assert seen[: len(expected)] == expected


def _short(row: Any) -> str:
    sign = "+" if "added" in row.locator("strong").inner_text() else "-"
    return " ".join([sign, *(row.locator(part).inner_text() for part in (".task", ".tag", ".more"))])


def test_a_filter_is_set_with_the_keyboard_alone(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    log_in(page, tenant)
    wait_until_live(page)
    page.get_by_label("What", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.type("no such task")
    page.keyboard.press("Enter")
    page.wait_for_url("**/live?*task_name=no+such+task*")
    wait_until_live(page)
    expect(page.get_by_role("heading", name="Nothing to show yet")).to_be_visible()
    expect(page.get_by_label("Task name")).to_have_value("no such task")
    page.get_by_role("link", name="Show everything").press("Enter")
    wait_until_shown(page, newest(tenant))


def test_a_filter_that_is_not_valid_says_so(page: Page, tenant: Tenant) -> None:
    log_in(page, tenant, "/live?flow_execution_id=nonsense")
    expect(page.get_by_text("This is not the id of a flow execution.")).to_be_visible()
    expect(state(page)).to_contain_text("Not connected")


def test_pausing_holds_events_and_loses_none(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    before = newest(tenant)
    log_in(page, tenant)
    wait_until_shown(page, before)
    page.get_by_role("button", name="Pause").click()
    tag_many(tenant, 5)
    page.wait_for_timeout(1000)
    assert shown(page)[0] == before
    page.get_by_role("button", name="Go on").click()
    wait_until_shown(page, newest(tenant))
    assert shown(page) == list(range(newest(tenant), 0, -1))


def test_a_killed_server_is_waited_for_and_nothing_is_missed(
    page: Page, live: LiveServer, tenant: Tenant, troubles: list[str]
) -> None:
    tag_many(tenant, 3)
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    with server_away(live, troubles):
        expect(state(page)).to_contain_text("Reconnecting")
        tag_many(tenant, 5)
    wait_until_live(page)
    wait_until_shown(page, newest(tenant))
    tag_many(tenant, 2)
    wait_until_shown(page, newest(tenant))
    assert shown(page) == list(range(newest(tenant), 0, -1))
    expect(page.locator("#reset")).to_be_hidden()
    forgive(troubles, "WebSocket connection to")


def test_without_a_network_the_page_says_so_and_comes_back(
    context: BrowserContext, page: Page, tenant: Tenant, troubles: list[str]
) -> None:
    tag_many(tenant, 1)
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    context.set_offline(True)
    expect(state(page)).to_contain_text("Reconnecting")
    tag_many(tenant, 3)
    context.set_offline(False)
    wait_until_live(page)
    wait_until_shown(page, newest(tenant))
    assert shown(page) == list(range(newest(tenant), 0, -1))
    forgive(troubles, "WebSocket connection to")


def test_when_the_session_ends_the_page_asks_to_log_in_again(page: Page, tenant: Tenant) -> None:
    log_in(page, tenant, "/live?task_name=a%26b")
    wait_until_live(page)
    expect(page.get_by_role("link", name="Log in again")).to_be_hidden()
    end_sessions(tenant)
    expect(state(page)).to_contain_text("Your session has ended.")
    page.get_by_role("link", name="Log in again").click()
    log_in(page, tenant, page.url)
    assert page.url.endswith("/live?task_name=a%26b")


def test_a_stream_that_fell_behind_starts_the_list_anew(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    sockets: list[Any] = []

    def serve(socket: Any) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(socket.send)

    page.route_web_socket("**/ws/events", serve)
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    sockets[0].send('{"type": "reset", "position": 1000}')
    expect(page.get_by_role("alert")).to_contain_text("The list starts anew")
    expect(rows(page)).to_have_count(0)
    page.get_by_role("link", name="Load the page again").click()
    wait_until_shown(page, newest(tenant))


def test_who_is_a_member_of_nothing_is_told(page: Page, tenant: Tenant, troubles: list[str]) -> None:
    with in_organization(tenant.id):
        Membership.objects.in_organization(tenant.id).filter(user=tenant.viewer).delete()
    log_in(page, tenant, who="viewer")
    expect(page.get_by_text("You are not a member of an organization.")).to_be_visible()
    forgive(troubles, "status of 403")


def test_whoever_logs_in_without_a_destination_sees_the_inbox_and_can_log_out(page: Page, tenant: Tenant) -> None:
    log_in_by_form(page, tenant, "/log-in")
    expect(page.get_by_role("heading", name="Inbox", exact=False).first).to_be_visible()
    page.get_by_role("button", name=tenant.reviewer.username).click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge_of_the_screen(page: Page, tenant: Tenant, width: int) -> None:
    name = "x" * 200
    execution = tenant.execution(name)
    tenant.api().tag(operation("add", execution, name, "y" * 200, tag_type="z" * 100))
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page, tenant, "/live?type=task_tag.added")
    expect(rows(page)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_read_does_not_jump_as_rows_arrive(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 20)
    page.add_init_script(WATCH_SHIFTS)
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    for _time in range(6):  # the next while the last still slides in
        tag_many(tenant, 1)
    wait_until_shown(page, newest(tenant))
    expect(page.locator("#count")).to_have_text(f"{newest(tenant)} events")
    assert page.evaluate("window.shifts") == []


def test_rows_are_told_in_the_readers_language(page: Page, tenant: Tenant) -> None:
    User.objects.filter(id=tenant.reviewer.id).update(language="de")
    execution = tenant.execution("extract")
    log_in(page, tenant)
    tenant.api("reviewer").tag(operation("add", execution, "extract", "approved"))
    expect(rows(page).first).to_contain_text("Markierung gesetzt approved review")
    expect(rows(page).first.locator(".who")).to_have_text("Sie")


def test_nothing_moves_for_those_who_asked_for_that(page: Page, tenant: Tenant) -> None:
    tag_many(tenant, 1)
    page.emulate_media(reduced_motion="reduce")
    log_in(page, tenant)
    wait_until_shown(page, newest(tenant))
    page.locator("#state").evaluate("state => { state.dataset.state = 'reconnecting'; }")
    assert page.evaluate("document.getAnimations().length") == 0

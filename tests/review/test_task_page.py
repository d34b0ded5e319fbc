"""The page of a task: what it shows, to whom, and what its forms do."""

import json
import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tags.actions.rules import create_rule
from tags.db import exact_json
from tags.models import SYSTEM, EditedStatus, FlowExecution, TaskExecution
from tests.api.calls import UNKNOWN_ID, active_tags, position
from tests.cast import Tenant, operation
from tests.clients import Client
from tests.review import hostile
from tests.review.pages import browser, stored, text
from tests.review.test_values import elements


@pytest.fixture
def record(tenant: Tenant) -> TaskExecution:
    """One that waits for approval."""
    execution = tenant.execution()
    record = tenant.task(execution, "extract", input={"file": "a.pdf"}, output={"total": Decimal("1284.5")})
    tenant.api().tag(operation("add", execution, "extract", "pending_approval", tag_metadata={"why": "low confidence"}))
    return record


@pytest.fixture
def client(tenant: Tenant) -> Client:
    return browser(tenant)


def waiting(tenant: Tenant, *names: str) -> list[TaskExecution]:
    """Tasks that wait, the first the longest."""
    execution = tenant.execution()
    records = []
    for name in names:
        records.append(tenant.task(execution, name))
        tenant.api().tag(operation("add", execution, name, "pending_approval"))
    return records


def run_of(record: TaskExecution) -> FlowExecution:
    return FlowExecution(id=record.flow_execution_id)


# What is shown


def test_a_task_is_shown_with_all_that_is_known(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    page = text(client.get(f"/tasks/{record.id}"))
    for shown in (
        "extract",
        "invoices",
        "Completed",
        "pending_approval",
        "low confidence",
        "a.pdf",
        "1284.5",
        "Approve",
    ):
        assert shown in page
    assert f"/runs/{record.flow_execution_id}" in page
    assert "1 of 1 waiting" in page


def test_nobody_sees_it_without_a_log_in(record: TaskExecution) -> None:
    response = Client().get(f"/tasks/{record.id}")
    assert (response.status_code, response["Location"]) == (302, f"/log-in?next=/tasks/{record.id}")


PATHS = ["", "/history?before=100", "/correct", "/values/output", "/values/output?raw"]


@pytest.mark.parametrize("path", PATHS)
def test_another_organizations_task_is_not_there(neighbour: Tenant, record: TaskExecution, path: str) -> None:
    client = browser(neighbour)
    foreign, unknown = client.get(f"/tasks/{record.id}{path}"), client.get(f"/tasks/{UNKNOWN_ID}{path}")
    assert foreign.status_code == unknown.status_code == 404
    pattern = re.compile(r'"request_id":"\w+"|value="\w{64}"')
    assert pattern.sub("", text(foreign)) == pattern.sub("", text(unknown))


@pytest.mark.parametrize("path", PATHS)
def test_what_was_deleted_is_not_there(tenant: Tenant, record: TaskExecution, client: Client, path: str) -> None:
    assert tenant.api("admin").delete(f"/api/flow-executions/{record.flow_execution_id}").status_code < 300
    assert client.get(f"/tasks/{record.id}{path}").status_code == 404


def test_another_organization_cannot_change_it(tenant: Tenant, neighbour: Tenant, record: TaskExecution) -> None:
    client, before = browser(neighbour), position(tenant)
    form = {"tag": "x", "tag_type": "y"}
    assert client.post(f"/tasks/{record.id}/tags", form).status_code == 404
    correction = {"output": "1", "seen": "never", "save": "1"}
    assert client.post(f"/tasks/{record.id}/correct", correction).status_code == 404
    assert position(tenant) == before


def test_a_viewer_sees_it_and_changes_nothing(tenant: Tenant, record: TaskExecution) -> None:
    client, before = browser(tenant, "viewer"), position(tenant)
    page = text(client.get(f"/tasks/{record.id}"))
    assert "1284.5" in page
    for absent in ('id="decide"', 'name="remove"', 'name="tag"', "/correct"):
        assert absent not in page
    assert client.get(f"/tasks/{record.id}/correct").status_code == 403
    assert client.post(f"/tasks/{record.id}/correct", {"output": "1", "seen": "never"}).status_code == 403
    assert client.post(f"/tasks/{record.id}/tags", {"tag": "x", "tag_type": "y"}).status_code == 403
    assert position(tenant) == before


def test_forms_need_the_token_of_the_page(tenant: Tenant, record: TaskExecution) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(tenant.reviewer)
    for path in ("tags", "correct"):
        assert client.post(f"/tasks/{record.id}/{path}", {"tag": "x", "tag_type": "y"}).status_code == 403


def test_nothing_is_inline(record: TaskExecution, client: Client) -> None:
    response = client.get(f"/tasks/{record.id}")
    for tag, attributes in elements(text(response)).found:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or attributes.get("src") or attributes["type"] == "application/json"
    assert "unsafe" not in response["Content-Security-Policy"]


def test_tries_are_linked_to_each_other(tenant: Tenant, client: Client) -> None:
    execution = tenant.execution()
    tries = [tenant.task(execution, "extract", idx, processing_status="failed") for idx in (0, 1, 5)]
    page = text(client.get(f"/tasks/{tries[2].id}"))
    assert "Run 3 of 3" in page
    assert all(f"/tasks/{record.id}" in page for record in tries)
    assert "There is a newer run" not in page
    assert "There is a newer run" in text(client.get(f"/tasks/{tries[0].id}"))


def test_how_many_questions_the_database_is_asked(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/tasks/{record.id}").status_code == 200
        return len(asked)

    tenant.api("reviewer").tag(operation("add", record.flow_execution_id, "extract", "by a person"))
    few = count()
    for n in range(30):
        tenant.api().tag(operation("add", record.flow_execution_id, "extract", f"tag {n}"))
        tenant.api("reviewer").tag(operation("add", record.flow_execution_id, "extract", f"label {n}"))
        tenant.task(run_of(record), "extract", n + 1)
    waiting(tenant, *(f"task {n}" for n in range(30)))
    assert count() == few <= 20


# Who


def test_people_rules_and_programs_have_names(tenant: Tenant, record: TaskExecution) -> None:
    rule = {"name": "always", "tags": [{"tag": "checked", "tag_type": "auto", "tag_metadata": None}]}
    create_rule(tenant.id, rule)
    tenant.task(run_of(record), "extract", 1)
    tenant.api("reviewer").tag(operation("add", record.flow_execution_id, "extract", "seen"))
    mine = text(browser(tenant).get(f"/tasks/{record.id}"))
    assert "rule “always”" in mine
    assert "worker" in mine
    assert '<b class="who-you">you</b>' in mine
    theirs = text(browser(tenant, "viewer").get(f"/tasks/{record.id}"))
    assert f'<b class="who-person">{tenant.reviewer.username}</b>' in theirs


def test_who_is_no_member_has_no_name_here(
    tenant: Tenant, neighbour: Tenant, record: TaskExecution, owner: Any
) -> None:
    tenant.api("reviewer").tag(operation("add", record.flow_execution_id, "extract", "seen"))
    with owner.cursor() as cursor:
        stranger = neighbour.reviewer
        cursor.execute(
            "UPDATE task_tag SET modified_by = %s WHERE organization_id = %s AND tag = 'seen'",
            [str(stranger.id), tenant.id],
        )
        cursor.execute("DELETE FROM membership WHERE user_id = %s", [tenant.reviewer.id])
    page = text(browser(tenant, "viewer").get(f"/tasks/{record.id}"))
    assert page.count("a former member") == 2
    assert stranger.username not in page
    assert tenant.reviewer.username not in page


# History


def test_the_history_tells_what_happened_newest_first(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    note = {"kind": "reject", "note": "not <ours>", "tasks": [task_ref(record)]}
    client.post("/decisions", note, content_type="application/json")
    page = text(client.get(f"/tasks/{record.id}"))
    history = page[page.index('id="history"') :]
    assert history.index("rejected") < history.index("run 1 reported: completed")
    assert '<blockquote class="note">not &lt;ours&gt;</blockquote>' in history


def test_the_history_goes_on_until_its_beginning(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    for n in range(60):
        tenant.api().tag(operation("add", record.flow_execution_id, "extract", f"tag-{n:02}"))
    page = text(client.get(f"/tasks/{record.id}"))
    seen = re.findall(r"tag-\d\d", page[page.index('id="history"') :])
    while more := re.search(r'href="(/tasks/[^"]+/history\?before=\d+)"', page):
        page = text(client.get(more[1], headers={"HX-Request": "true"}))
        assert "<html" not in page
        seen += re.findall(r"tag-\d\d", page)
    assert seen == [f"tag-{n:02}" for n in range(59, -1, -1)]
    assert "<html" in text(client.get(f"/tasks/{record.id}/history?before=50"))


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 40, "\u0661"])
def test_a_position_that_is_none(record: TaskExecution, client: Client, before: str) -> None:
    assert client.get(f"/tasks/{record.id}/history", {"before": before}).status_code == 404


# The queue


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'href="([^"]+)"\s+rel="{rel}"', page)
    return found[1] if found else None


def test_the_next_task_is_the_one_that_waits_longest_after_this(tenant: Tenant, client: Client) -> None:
    first, second, third = waiting(tenant, "c", "a", "b")
    page = text(client.get(f"/tasks/{second.id}"))
    assert (link(page, "prev"), link(page, "next")) == (f"/tasks/{first.id}", f"/tasks/{third.id}")
    assert "2 of 3 waiting" in page
    last = text(client.get(f"/tasks/{third.id}"))
    assert link(last, "next") == f"/tasks/{first.id}"
    assert link(text(client.get(f"/tasks/{first.id}")), "prev") is None


def test_from_a_task_that_does_not_wait_the_oldest_is_next(tenant: Tenant, client: Client) -> None:
    first, _ = waiting(tenant, "a", "b")
    done = tenant.task(tenant.execution(), "done")
    page = text(client.get(f"/tasks/{done.id}"))
    assert (link(page, "prev"), link(page, "next")) == (None, f"/tasks/{first.id}")
    assert "2 waiting" in page


def test_the_next_task_is_its_newest_run_and_never_of_a_deleted_run(tenant: Tenant, client: Client) -> None:
    (gone,), (kept,), (here,) = waiting(tenant, "gone"), waiting(tenant, "kept"), waiting(tenant, "here")
    newest = tenant.task(run_of(kept), "kept", 3)
    tenant.api("admin").delete(f"/api/flow-executions/{gone.flow_execution_id}")
    page = text(client.get(f"/tasks/{here.id}"))
    assert link(page, "next") == f"/tasks/{newest.id}"
    assert "2 of 2 waiting" in page


def test_another_organizations_tasks_are_not_next(tenant: Tenant, neighbour: Tenant, client: Client) -> None:
    waiting(neighbour, "theirs")
    (mine,) = waiting(tenant, "mine")
    page = text(client.get(f"/tasks/{mine.id}"))
    assert link(page, "next") is None
    assert "1 of 1 waiting" in page


def test_the_inboxs_filters_are_handed_on(tenant: Tenant, client: Client) -> None:
    first, second = waiting(tenant, "a", "b")
    for record in (first, second):
        tenant.api().tag(operation("add", record.flow_execution_id, record.task_name, "<x> y"))
    page = text(client.get(f"/tasks/{first.id}", {"queue": "flow=invoices&tag=<x> y"}))
    assert link(page, "next") == f"/tasks/{second.id}?queue=flow%3Dinvoices%26tag%3D%3Cx%3E+y"
    assert "/?flow=invoices&amp;tag=%3Cx%3E+y" in page


# Tags


def task_ref(record: TaskExecution) -> dict[str, str]:
    return {"flow_execution_id": str(record.flow_execution_id), "task_name": record.task_name}


def test_a_tag_is_added_with_exact_metadata(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    form = {"tag": " checked ", "tag_type": "label", "metadata": '{"n": 0.1000000000000000055}'}
    response = client.post(f"/tasks/{record.id}/tags?queue=flow%3Dx", form)
    assert response.status_code == 302
    assert re.fullmatch(rf"/tasks/{record.id}\?queue=flow%3Dx&did=[0-9a-f-]{{36}}", response["Location"])
    response = tenant.api().get("/api/task-tags", flow_execution_id=str(record.flow_execution_id))
    (added,) = [tag for tag in exact_json.loads(response.content) if tag["tag"] == "checked"]
    assert added["tag_metadata"] == {"n": Decimal("0.1000000000000000055")}


def test_a_tag_is_removed_whatever_its_metadata(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    tenant.api().patch(
        "/api/task-tags",
        json.dumps(
            {"tags": [operation("add", record.flow_execution_id, "extract", "x", tag_metadata="DIGITS")]}
        ).replace('"DIGITS"', "0.1000000000000000055"),
    )
    (tag,) = [tag for tag in active_tags(tenant, record.flow_execution_id) if tag["tag"] == "x"]
    assert client.post(f"/tasks/{record.id}/tags", {"remove": tag["id"]}).status_code == 302
    assert [tag["tag"] for tag in active_tags(tenant, record.flow_execution_id)] == ["pending_approval"]
    assert client.post(f"/tasks/{record.id}/tags", {"remove": tag["id"]}).status_code == 404


def test_another_tasks_tag_is_not_removed_here(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    other = tenant.task(run_of(record), "other")
    (tag,) = active_tags(tenant, record.flow_execution_id)
    assert client.post(f"/tasks/{other.id}/tags", {"remove": tag["id"]}).status_code == 404
    assert client.post(f"/tasks/{record.id}/tags", {"remove": "nonsense"}).status_code == 404
    assert len(active_tags(tenant, record.flow_execution_id)) == 1


@pytest.mark.parametrize(
    "form",
    [
        {"tag": "", "tag_type": "x"},
        {"tag": "x" * 201, "tag_type": "x"},
        {"tag": "x", "tag_type": ""},
        {"tag": "x", "tag_type": "y" * 101},
        {"tag": "a\x00b", "tag_type": "x"},
        {"tag": "x", "tag_type": "y", "metadata": '{"a": }'},
        {"tag": "x", "tag_type": "y", "metadata": "NaN"},
    ],
)
def test_a_tag_that_cannot_be_is_told_and_what_was_typed_stays(
    tenant: Tenant, record: TaskExecution, client: Client, form: dict[str, str]
) -> None:
    before = position(tenant)
    response = client.post(f"/tasks/{record.id}/tags", {**form, "metadata": form.get("metadata", '["typed"]')})
    assert response.status_code == 422
    assert 'role="alert"' in text(response)
    assert "[&quot;typed&quot;]" in text(response) or "metadata" in form
    assert position(tenant) == before


def test_a_tag_that_is_there_already_needs_no_undo(record: TaskExecution, client: Client) -> None:
    form = {"tag": "pending_approval", "tag_type": "review", "metadata": '{"why": "low confidence"}'}
    assert client.post(f"/tasks/{record.id}/tags", form)["Location"] == f"/tasks/{record.id}"


# Correcting


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    return found[1]


def test_an_output_is_corrected_with_every_digit(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    page = text(client.get(f"/tasks/{record.id}/correct"))
    assert "&quot;total&quot;: 1284.5" in page
    form = {"output": '{"total": 0.1000000000000000055}', "seen": seen(page), "save": "1"}
    response = client.post(f"/tasks/{record.id}/correct", form)
    assert response["Location"] == f"/tasks/{record.id}?corrected=1"
    after = stored(tenant, record.id)
    assert after.output == {"total": Decimal("0.1000000000000000055")}
    assert after.edited_status == EditedStatus.EDITED_NOT_REEXECUTED
    assert after.modified_by == str(tenant.reviewer.id)
    shown = text(client.get(f"/tasks/{record.id}"))
    assert "output corrected" in shown
    assert "{&quot;total&quot;: 1284.5}" in shown


def test_comparing_saves_nothing(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    before = position(tenant)
    page = text(client.post(f"/tasks/{record.id}/correct", {"output": '{"total": "<b>"}', "seen": "never"}))
    assert '<div class="line added">' in page
    assert "<code>  &quot;total&quot;: <mark>&quot;&lt;b&gt;&quot;</mark></code>" in page
    assert (position(tenant), stored(tenant, record.id).output) == (before, {"total": Decimal("1284.5")})


def test_a_conflict_shows_both_versions_and_loses_neither(
    tenant: Tenant, record: TaskExecution, client: Client
) -> None:
    mine = seen(text(client.get(f"/tasks/{record.id}/correct")))
    other = browser(tenant, "admin")
    form = {"output": '{"total": 2, "by": "admin"}', "seen": mine, "save": "1"}
    assert other.post(f"/tasks/{record.id}/correct", form).status_code == 302
    response = client.post(f"/tasks/{record.id}/correct", {"output": '{"total":   3}', "seen": mine, "save": "1"})
    page = text(response)
    assert response.status_code == 409
    assert "{&quot;total&quot;:   3}" in page  # as it was typed
    assert "&quot;by&quot;: &quot;admin&quot;" in page
    assert tenant.admin.username in page
    assert stored(tenant, record.id).output == {"total": 2, "by": "admin"}
    again = client.post(f"/tasks/{record.id}/correct", {"output": '{"total": 3}', "seen": seen(page), "save": "1"})
    assert again.status_code == 302
    assert stored(tenant, record.id).output == {"total": 3}
    for language, words in (("en", "Nothing was saved: you changed"), ("de", "Nichts wurde gespeichert: Sie haben")):
        late = client.post(f"/tasks/{record.id}/correct", form, headers={"Accept-Language": language})
        assert words in text(late)


def test_invalid_json_is_told_with_its_place_and_stays(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    before = position(tenant)
    typed = '{"total": 1,\r\n "vendor": }'
    response = client.post(f"/tasks/{record.id}/correct", {"output": typed, "seen": "never", "save": "1"})
    assert response.status_code == 422
    assert "Line 2, column 12: " in text(response)
    assert "&quot;vendor&quot;: }</textarea>" in text(response)
    assert seen(text(response)) == "never"
    assert position(tenant) == before


@pytest.mark.parametrize("mark", ["", "yesterday", "2026-13-01", "' OR 1=1"])
def test_a_form_without_its_mark_is_not_saved(tenant: Tenant, record: TaskExecution, client: Client, mark: str) -> None:
    before = position(tenant)
    response = client.post(f"/tasks/{record.id}/correct", {"output": "1", "seen": mark, "save": "1"})
    assert (response.status_code, position(tenant)) == (422, before)


def test_a_time_without_a_zone_is_a_conflict_and_no_failure(record: TaskExecution, client: Client) -> None:
    form = {"output": "1", "seen": "2026-01-01T00:00:00", "save": "1"}
    assert client.post(f"/tasks/{record.id}/correct", form).status_code == 409


def test_what_depends_on_it_becomes_stale(tenant: Tenant, record: TaskExecution, client: Client) -> None:
    dependent = tenant.task(run_of(record), "pay", source_task_executions=[str(record.id)])
    mark = seen(text(client.get(f"/tasks/{record.id}/correct")))
    form = {"output": "1", "seen": mark, "save": "1", "execute_flow": "on"}
    assert client.post(f"/tasks/{record.id}/correct", form).status_code == 302
    assert stored(tenant, dependent.id).stale_status == "stale"


# Values


def test_the_whole_value_as_json(record: TaskExecution, client: Client) -> None:
    response = client.get(f"/tasks/{record.id}/values/output?raw")
    assert response["Content-Type"] == "application/json; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert text(response) == '{\n  "total": 1284.5\n}'


@pytest.mark.parametrize("query", ["at=x", "at={}", 'at=["nothing"]', "from=x", "at=[", f"at={'[' * 50_000}"])
def test_a_part_that_is_not_there(record: TaskExecution, client: Client, query: str) -> None:
    assert client.get(f"/tasks/{record.id}/values/output?{query}").status_code == 404


def test_only_values_are_values(record: TaskExecution, client: Client) -> None:
    for name in ("claims", "id", "organization_id", "source_task_executions"):
        assert client.get(f"/tasks/{record.id}/values/{name}").status_code == 404


def test_a_large_value_is_shown_in_parts(tenant: Tenant, client: Client) -> None:
    record = tenant.task(tenant.execution(), "large", output={"list": [f"member {n}" for n in range(10_000)]})
    page = text(client.get(f"/tasks/{record.id}"))
    assert len(page) < 100_000
    more = re.search(r'hx-get="([^"]+values/output[^"]+)"', page)
    assert more
    part = text(client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}))
    assert "member 50" in part
    assert "member 49" not in part
    assert "<html" not in part
    assert "<html" in text(client.get(more[1].replace("&amp;", "&")))


# Hostile texts, everywhere


@pytest.mark.parametrize("bad", hostile.ALL)
def test_hostile_texts_stay_texts(tenant: Tenant, bad: str) -> None:
    name = bad[:100].strip("\x00") or "x"
    execution = tenant.execution(flow_name=name)
    value = {name: bad, "list": [bad], "table": [{name: bad}, {name: bad}]}
    record = tenant.task(execution, name, input=value, output=bad, error={"message": bad, "stackTrace": bad, "x": bad})
    add = operation("add", execution, name, name, tag_type=name, tag_metadata={"note": bad, name: [bad]})
    assert tenant.api().tag(add, operation("add", execution, name, "flat", tag_metadata={name: bad})).status_code == 200
    client = browser(tenant)
    for path in (f"/tasks/{record.id}", f"/tasks/{record.id}/correct", f"/runs/{execution.id}"):
        response = client.get(path)
        assert response.status_code == 200
        check(text(response))
    broken = {"output": bad + '"', "seen": bad, "tag": "", "tag_type": bad, "metadata": bad + "{"}
    for path in ("correct", "tags"):
        check(text(client.post(f"/tasks/{record.id}/{path}", broken)))


def check(page: str) -> None:
    for tag, attributes in elements(page).found:
        assert tag not in ("iframe", "object", "embed", "style", "base", "math", "video", "link" * 2), tag
        assert "style" not in attributes
        assert not [attribute for attribute in attributes if attribute.startswith("on") or attribute == "srcdoc"]
        if tag == "script":
            is_data = attributes.get("type") == "application/json"
            assert is_data or (attributes["src"] or "").startswith("/static/")
        for name in ("href", "src", "action", "formaction", "hx-get"):
            target = (attributes.get(name) or "/").strip().lower()
            assert target.startswith(("/", "?", "#", "https://", "http://", "data:image/png", "mailto:")), target
            assert name == "href" or not target.startswith("http"), target


def test_the_system_may_have_reported_it(tenant: Tenant) -> None:
    assert SYSTEM.label == "system"
    record = tenant.task(tenant.execution(), "x")
    assert "Tagsite" in text(browser(tenant).get(f"/tasks/{record.id}"))
    assert browser(tenant).get(f"/tasks/{uuid4()}").status_code == 404

"""Every visible string is marked for translation, and German says all of them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polib
import pytest
from django.utils import translation

from tags.review.words import duration_text, figure
from tests.cast import Tenant, operation
from tests.clients import Client
from tests.database import PROJECT
from tests.review.marked import messages
from tests.review.pages import browser, text
from tests.review.visible import data, put_in_brackets, unmarked

GERMAN = PROJECT / "locale" / "de" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)\d*\.?\d*[a-z]|%[sd]|\{\w+\}")
PAGE = {"Accept": "text/html"}


def catalogue() -> polib.POFile:
    return polib.pofile(str(GERMAN / "django.po"))


def test_german_has_every_marked_message_and_no_other() -> None:
    of_german = {(entry.msgctxt, entry.msgid, entry.msgid_plural or None) for entry in catalogue()}
    assert of_german == messages()


def test_german_says_everything_with_the_same_placeholders() -> None:
    for entry in catalogue():
        assert not entry.fuzzy, entry.msgid
        translated = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        assert all(translated), entry.msgid
        assert len(translated) == (2 if entry.msgid_plural else 1), entry.msgid
        assert fills(translated[-1]) == fills(entry.msgid_plural or entry.msgid), entry.msgid
        assert fills(translated[0]) <= fills(entry.msgid_plural or entry.msgid), entry.msgid


def fills(message: str) -> set[str]:
    return set(PLACEHOLDER.findall(message))


def test_the_compiled_catalogue_is_its_sources() -> None:
    compiled = polib.mofile(str(GERMAN / "django.mo"))
    assert {key(entry) for entry in compiled} == {key(entry) for entry in catalogue()}
    assert compiled.metadata["Plural-Forms"] == catalogue().metadata["Plural-Forms"]


def key(entry: polib.POEntry | polib.MOEntry) -> tuple[Any, ...]:
    return entry.msgctxt, entry.msgid, entry.msgid_plural, entry.msgstr, *sorted(entry.msgstr_plural.items())


@pytest.fixture
def brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_brackets(monkeypatch)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    with translation.override("de"):
        assert (figure(12_345), figure(1234.56, 1)) == ("12.345", "1.234,6")
        assert duration_text(timedelta(seconds=2.5)) == "2,5 s"
    with translation.override("en"):
        assert (figure(12_345), duration_text(timedelta(seconds=2.5))) == ("12,345", "2.5 s")


@pytest.mark.usefixtures("brackets")
def test_no_visible_string_is_left_unmarked() -> None:
    tenant = Tenant.create(data("Acme"))
    found = [f"{path}: {words}" for path, page in pages(tenant) for words in unmarked(page)]
    assert not found, "\n".join(found)


def pages(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Every page, empty and full, and every refusal."""
    nobody, admin, viewer = Client(), browser(tenant, "admin"), browser(tenant, "viewer")
    for path in ("/log-in", "/password", "/password/sent", "/password/done", "/password/x/y"):
        yield path, text(nobody.get(path))
    yield "wrong log-in", text(nobody.post("/log-in", {"username": "x", "password": "y"}))
    yield "ended session", text(nobody.post("/account", headers=PAGE))
    empty = ["/", "/?show=all", "/?task=x", "/activity", "/activity?task=x", "/insights", "/live", "/live?tag_type=x"]
    for path in empty:
        yield f"{path} (empty)", text(admin.get(path))
    task, run = furnish(tenant)
    full = [*empty, f"/runs/{run}", f"/tasks/{task}", f"/tasks/{task}/correct", f"/tasks/{task}/values/input?at=x"]
    for path in [*full, "/account", "/account/password", "/account/email", f"/tasks/{uuid4()}"]:
        yield path, text(admin.get(path, headers=PAGE))
        yield f"{path} (viewer)", text(viewer.get(path, headers=PAGE))
    yield "figures", text(admin.get("/insights", headers={"HX-Request": "true"}))
    wrong = {"output": "{", "seen": "never"}
    yield "no JSON", text(admin.post(f"/tasks/{task}/correct", wrong))
    yield "difference", text(admin.post(f"/tasks/{task}/correct", {**wrong, "output": "[3]"}))
    yield "conflict", text(admin.post(f"/tasks/{task}/correct", {**wrong, "output": "[3]", "save": ""}))
    yield "wrong password", text(admin.post("/account/email", {"email": "x", "password": "y"}))
    yield "wrong run", text(admin.get("/live?flow_execution_id=x"))
    yield "palette", text(admin.get("/palette?q=x"))


def furnish(tenant: Tenant) -> tuple[Any, Any]:
    """A run with tasks of every kind, and something decided. The ids of one task and of the run."""
    run = tenant.execution(data("new"), flow_name=data("flow"))
    error = {"type": data("Error"), "message": data("it broke"), "stackTrace": data("trace")}
    task = tenant.task(run, data("wrong"), processing_status="failed", error=error, input=["«x»" * 99] * 99)
    tenant.task(run, data("wrong"), 1, output={data("total"): 3, data("lines"): [{data("n"): 1}] * 99}, input={})
    for name in ("new", "wrong"):
        tenant.api().tag(operation("add", run, data(name), "pending_approval", tag_metadata={"note": data("why")}))
    tenant.api("admin").put("/api/task-executions", {"id": str(task.id), "output": [1], "updated_at": None})
    body = {"kind": "approve", "tasks": [{"flow_execution_id": str(run.id), "task_name": data("new")}]}
    assert browser(tenant, "reviewer").post("/decisions", body, content_type="application/json").status_code == 200
    return task.id, run.id

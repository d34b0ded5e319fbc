"""Every visible string of the admin is marked for translation; Django's own strings are already."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tags.actions.credentials import caller_of_user
from tags.actions.decisions import decide
from tags.actions.ingest import record_observations
from tags.actions.observations import DetailObservation
from tags.actions.rejections import Rejection, keep_rejections
from tags.actions.rules import create_rule
from tags.actions.saved_views import create_view
from tags.actions.sealing import seal_events
from tags.actions.service_accounts import create_service_account
from tags.db.tenancy import in_organization
from tags.models import Actor, ApiKey, Decision, DecisionKind, Membership, RejectedEvent, TaskTag
from tags.models.ids import uuid7
from tests.admin.browsing import (
    ACCOUNTS,
    DECISIONS,
    KEYS,
    MEMBERS,
    ORGANIZATION,
    REJECTED,
    RULES,
    TAGS,
    rule_form,
)
from tests.browser.every_page import admin_pages
from tests.cast import Tenant, operation
from tests.review.pages import browser, text
from tests.review.visible import data, put_in_brackets, unmarked

# Each with another thing wrong.
NO_EXPRESSIONS = ["output >", "output >>>> 1", "'open", "lenght(output)", "length()", "not_null()", "a." * 300 + "a"]
NO_TAG_LISTS = [
    "",
    "[",
    "[NaN]",
    "1" * 100_001,
    "[[]]",
    '[{"tag": "a", "tag_type": "", "more": 1}]',
    '[{"tag": "a", "tag_type": "b", "tag_metadata": "\\u0000"}]',
]
TAG_LIST = f'[{{"tag": "{data("look")}", "tag_type": "{data("rule")}"}}]'


def test_no_visible_string_is_left_unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = furnished()
    put_in_brackets(monkeypatch)
    found = [f"{path}: {words}" for path, page in pages(tenant) for words in unmarked(page)]
    assert not found, "\n".join(found)


def furnished() -> Tenant:
    """With a row in every table that the admin shows."""
    tenant = Tenant.create(data("Acme"))
    actor = Actor("user", tenant.reviewer.id, str(tenant.reviewer.id), data("request"))
    reviewer = caller_of_user(tenant.reviewer.id, tenant.id, data("request"))
    rule = {"name": data("rule"), "task_pattern": data("task"), "tags": [{"tag": data("x"), "tag_type": data("y")}]}
    create_rule(tenant.id, rule)
    run = tenant.execution(data("task"), data("other"), flow_name=data("flow"))
    tenant.api().tag(operation("add", run, data("task"), data("tag"), tag_type=data("type"), tag_metadata={}))
    decide(reviewer, DecisionKind.FLAG, [(run.id, data("task"))], data("note"))
    keep_rejections(tenant.id, actor, "openlineage", [Rejection(data("code"), data("reason"), None)])
    record_observations(tenant.id, actor, [DetailObservation(uuid7(), {})])
    create_view(reviewer, data("view"), data("query"))
    seal_events(tenant.id)
    return tenant


def pages(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Every page, what every button leads to, and every refusal."""
    admin, viewer = browser(tenant, "admin"), browser(tenant, "viewer")
    for path in [*admin_pages(tenant).values(), "/admin/password_change/", f"{KEYS}x/"]:
        yield path, text(admin.get(path))
    yield "no admin", text(viewer.get("/admin/"))
    yield "nothing found", text(admin.get(TAGS, {"q": "nothing", "waits": "yes"}))
    yield from decided(tenant, admin)
    yield from access(tenant, admin)
    yield from rules(admin)
    yield from refused(tenant, admin)


def sent(admin: Client, path: str, **fields: Any) -> str:
    """The page that sending a form leads to."""
    return text(admin.post(path, fields, follow=True))


def decided(tenant: Tenant, admin: Client) -> Iterator[tuple[str, str]]:
    with in_organization(tenant.id):
        tags = list(TaskTag.objects.values_list("id", flat=True))
        decision = Decision.objects.values_list("id", flat=True)[0]
        rejected = RejectedEvent.objects.values_list("id", flat=True)[0]
    for action in ("approve", "approve", "reject", "flag", "restore", "delete_selected", "delete_selected"):
        yield action, sent(admin, TAGS, action=action, _selected_action=tags)
    yield "delete", text(admin.get(f"{TAGS}{tags[0]}/delete/"))
    for _twice in range(2):
        yield "take back", sent(admin, DECISIONS, action="take_back", _selected_action=decision)
    yield "try again", sent(admin, REJECTED, action="try_again", _selected_action=rejected)
    yield "nothing chosen", sent(admin, TAGS, action="approve", index="0")


def access(tenant: Tenant, admin: Client) -> Iterator[tuple[str, str]]:
    account = create_service_account(tenant.id, data("program"), ["read", "tag", "ingest"], "integration")
    key = {"service_account": account.id, "name": data("key"), "expires_at_0": "", "expires_at_1": ""}
    yield "new key", sent(admin, f"{KEYS}add/", **key)
    yield "past key", sent(admin, f"{KEYS}add/", **{**key, "expires_at_0": "2001-01-01", "expires_at_1": "00:00"})
    with in_organization(tenant.id):
        newest = ApiKey.objects.order_by("-id").values_list("id", flat=True)[0]
        of_admin = Membership.objects.values_list("id", flat=True).get(user=tenant.admin)
    yield "renamed key", sent(admin, f"{KEYS}{newest}/change/", name=data("new"))
    yield "revoked key", sent(admin, KEYS, action="revoke", _selected_action=newest)
    yield "history", text(admin.get(f"{KEYS}{newest}/history/"))
    yield "revoked account", sent(admin, ACCOUNTS, action="revoke", _selected_action=account.id)
    yield "its page", text(admin.get(f"{ACCOUNTS}{account.id}/change/"))
    yield "nameless account", sent(admin, f"{ACCOUNTS}add/", name="", kind="")
    yield "member twice", sent(admin, f"{MEMBERS}add/", username=tenant.admin.username, role="viewer")
    yield "last admin", sent(admin, f"{MEMBERS}{of_admin}/change/", role="viewer")
    yield "delete member", text(admin.get(f"{MEMBERS}{of_admin}/delete/"))
    for waiting in ("approved", "x" * 201, "\n".join(map(str, range(21)))):
        yield waiting, sent(admin, f"{ORGANIZATION}{tenant.id}/change/", name=data("Acme"), waiting_tags=waiting)


def rules(admin: Client) -> Iterator[tuple[str, str]]:
    add, dry_run = f"{RULES}add/", f"{RULES}dry-run/"
    form = rule_form(name=data("rule"), task_pattern="", statuses=["completed"], expression="", tags=TAG_LIST)
    yield "dry run", sent(admin, dry_run, **form)
    yield "failed dry run", sent(admin, dry_run, **{**form, "expression": "abs(error)"})
    yield "no rule", sent(admin, dry_run, **{**form, "sampling_rate": "1.5"})
    for expression, tags in zip(NO_EXPRESSIONS, NO_TAG_LISTS, strict=True):
        yield f"{expression} {tags}"[:30], sent(admin, add, **{**form, "expression": expression, "tags": tags})
    yield "saved", sent(admin, add, **form)


def refused(tenant: Tenant, admin: Client) -> Iterator[tuple[str, str]]:
    yield "everything", sent(admin, TAGS, action="approve", index="0", select_across="1", _selected_action=uuid7())
    yield "wrong filter", text(admin.get(TAGS, {"modified_by__regex": "x"}))
    with in_organization(tenant.id):
        Membership.objects.filter(user=tenant.viewer).delete()
    yield "no member", text(browser(tenant, "viewer").get("/admin/"))


def test_people_are_refused_in_their_language_and_programs_in_english(tenant: Tenant) -> None:
    admin, again = browser(tenant, "admin"), {"username": tenant.viewer.username, "role": "viewer"}
    page = admin.post(f"{MEMBERS}add/", again, headers={"Accept-Language": "de"}, follow=True)
    assert "Diese Person ist schon Mitglied" in text(page)
    answer = admin.post("/api/members", again, "application/json", headers={"Accept-Language": "de"})
    assert answer.json()["error"]["message"] == "This person is a member already"

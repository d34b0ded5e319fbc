"""Review rules in the admin: written, changed, tried and deleted."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from tags.actions import dry_run
from tags.actions.dry_run import matches_of_last_week
from tags.actions.rules import create_rule
from tags.db.tenancy import in_organization
from tags.models import ReviewRule
from tags.models.ids import uuid7
from tests.admin.browsing import RULES, Person, rule_form, text
from tests.api.calls import position
from tests.cast import Tenant

ADD = f"{RULES}add/"
DRY_RUN = f"{RULES}dry-run/"


@pytest.fixture
def person(tenant: Tenant) -> Person:
    return Person.logged_in(tenant.admin)


def rules_of(tenant: Tenant) -> list[ReviewRule]:
    with in_organization(tenant.id):
        return list(ReviewRule.objects.order_by("created_at"))


def test_a_rule_is_written_shown_changed_and_deleted(tenant: Tenant, person: Person) -> None:
    assert person.post(ADD, rule_form(), ADD)["Location"] == RULES
    (rule,) = rules_of(tenant)
    assert rule.organization_id == tenant.id
    assert (rule.name, rule.is_active, rule.task_pattern, rule.statuses) == (
        "Failed runs",
        True,
        "extract*",
        ["failed"],
    )
    assert rule.sampling_rate == Decimal("0.25")
    assert rule.tags == [{"tag": "look", "tag_type": "rule", "tag_metadata": {"limit": Decimal("0.1")}}]

    execution = tenant.execution()
    tenant.task(execution, "extract_1", processing_status="failed", error={"message": "no timeout"})
    listed = text(person.get(RULES))
    assert "25 %" in listed
    assert "rule:look" in listed

    path = f"{RULES}{rule.id}/change/"
    form = text(person.get(path))
    assert "&quot;limit&quot;: 0.1" in form
    changed = rule_form(name="All of them", sampling_rate="1", statuses=[], expression="", is_active="")
    assert person.post(path, changed, path).status_code == 302
    (rule,) = rules_of(tenant)
    assert (rule.name, rule.is_active, rule.statuses, rule.expression) == ("All of them", False, [], "")
    assert rule.updated_at > rule.created_at

    assert person.post(f"{RULES}{rule.id}/delete/", {"post": "yes"}, path).status_code == 302
    assert rules_of(tenant) == []


def test_a_written_rule_fires_and_the_list_counts_it(tenant: Tenant, person: Person) -> None:
    person.post(ADD, rule_form(sampling_rate="1", statuses=[], expression=""), ADD)
    execution = tenant.execution("extract_1", "extract_2", "load")
    assert re.search(r'class="field-fired"><a [^>]+>2</a>', text(person.get(RULES, o="7")))
    tags = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    assert {tag["task_name"] for tag in tags} == {"extract_1", "extract_2"}
    (rule,) = rules_of(tenant)
    chosen = {"action": "delete_selected", "_selected_action": str(rule.id)}
    assert "Are you sure" in text(person.post(RULES, chosen))
    assert person.post(RULES, {**chosen, "post": "yes"}).status_code == 302
    assert rules_of(tenant) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
        ({"statuses": ["done"]}, "done is not one of the available choices"),
        ({"expression": "output >"}, "Not a JMESPath expression"),
        ({"expression": "lenght(output)"}, "There is no function lenght() in JMESPath."),
        ({"expression": "[" + "a," * 300 + "a]"}, "more than 250 parts"),
        ({"expression": "a || " * 100 + "a"}, "nested deeper than 40 levels"),
        ({"expression": "x" * 2001}, "at most 2000 characters"),
        ({"sampling_rate": "1.5"}, "Must be a number from 0 to 1"),
        ({"sampling_rate": "NaN"}, "Enter a number."),
        ({"sampling_rate": "0.1234567"}, "no more than"),
        ({"tags": ""}, "Must be a list of 1 to 10 tags."),
        ({"tags": "["}, "Not JSON at line 1, column 2"),
        ({"tags": '[{"tag": "x"}]'}, "Tag 1, tag_type must be a text of 1 to 100 characters."),
        (
            {"tags": '[{"tag": "x", "tag_type": "y", "meta": 1}]'},
            "Tag 1 must hold tag, tag_type and tag_metadata alone",
        ),
        ({"tags": '{"tag": "x"}'}, "Must be a list of 1 to 10 tags."),
        ({"tags": '[{"tag": "x", "tag_type": "y", "tag_metadata": NaN}]'}, "out of range"),
        ({"tags": '[{"tag": "x", "tag_type": "y", "tag_metadata": 1e999999999}]'}, "out of range"),
        ({"tags": f'[{{"tag": "x", "tag_type": "y", "tag_metadata": 1{"0" * 5000}}}]'}, "out of range"),
        ({"tags": '[{"tag": "\\ud800", "tag_type": "y"}]'}, "NUL character or a lone surrogate"),
        ({"tags": '[{"tag": "x", "tag_type": "y", "tag_metadata": "\\u0000"}]'}, "NUL character or a lone surrogate"),
        ({"tags": '[{"tag": "x", "tag_type": "y", "tag_metadata": %s}]' % ("[" * 40 + "]" * 40)}, "nested deeper"),
        ({"tags": "[" * 50_000}, "nested too deep"),
        ({"tags": "1" * 100_001}, "More than 100000 characters."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_rule_is_told_at_its_field_and_not_saved(
    tenant: Tenant, person: Person, fields: dict[str, Any], sentence: str
) -> None:
    for path in (ADD, DRY_RUN):
        answer = person.post(path, rule_form(**fields), ADD)
        assert answer.status_code == 200
        assert sentence in text(answer).replace("&#x27;", "'").replace("&quot;", '"')
    assert rules_of(tenant) == []


def test_what_was_typed_is_shown_as_text(tenant: Tenant, person: Person) -> None:
    hostile = '<script>alert("x")</script>'
    person.post(
        ADD,
        rule_form(name=hostile, task_pattern=hostile, tags=f'[{{"tag": "{hostile[8:13]}<b>", "tag_type": "<i>"}}]'),
        ADD,
    )
    (rule,) = rules_of(tenant)
    pages = [person.get(path) for path in (RULES, f"{RULES}{rule.id}/change/", f"{RULES}{rule.id}/delete/")]
    pages.append(person.post(DRY_RUN, rule_form(name=hostile), ADD))
    for page in pages:
        assert page.status_code == 200
        assert hostile not in text(page)
        assert "<i>" not in text(page)


@pytest.mark.parametrize(
    "query",
    ["q=%00", "o=99999", "p=99999999999999999999", "is_active__exact=maybe", "organization__name=Acme", "id__exact=x"],
)
def test_a_hostile_list_is_no_fault_of_ours(person: Person, query: str) -> None:
    assert person.client.get(f"{RULES}?{query}").status_code in (200, 302, 400)


@pytest.mark.parametrize("id", ["x", "%00", "1", "..", "00000000-0000-0000-0000-000000000000", "_00"])
def test_what_is_no_id_is_nowhere(person: Person, id: str) -> None:
    assert person.get(f"{RULES}{id}/change/").status_code == 404


# Dry run


def test_a_dry_run_shows_what_would_have_matched_and_changes_nothing(
    tenant: Tenant, neighbour: Tenant, person: Person, owner: psycopg.Connection
) -> None:
    execution = tenant.execution("extract_1", "extract_2", "load")
    neighbour.execution("extract_of_the_neighbour")
    before = position(tenant)
    form = rule_form(sampling_rate="1", statuses=[], expression="idx == `0`")
    shown = text(person.post(DRY_RUN, form, ADD))
    assert "matched <strong>2</strong>" in shown
    assert "of 3 task executions" in shown
    assert "extract_1" in shown
    assert f"flow_execution_id={execution.id}" in shown
    assert "neighbour" not in shown
    assert (rules_of(tenant), position(tenant)) == ([], before)
    assert owner.execute("SELECT count(*) FROM rule_firing WHERE organization_id = %s", [tenant.id]).fetchone() == (0,)
    assert person.get(DRY_RUN).status_code == 404


def test_a_dry_run_takes_the_saved_rules_sample(tenant: Tenant, person: Person) -> None:
    person.post(ADD, rule_form(), ADD)
    (rule,) = rules_of(tenant)
    tenant.execution(*(f"extract_{number}" for number in range(40)))
    form = rule_form(sampling_rate="0.5", statuses=[], expression="", rule=str(rule.id))
    shown = [text(person.post(DRY_RUN, form, ADD)).partition("<main")[2] for _ in range(2)]
    assert shown[0] == shown[1]
    assert "matched <strong>0</strong>" not in shown[0]
    assert "matched <strong>40</strong>" not in shown[0]
    assert person.post(DRY_RUN, {**form, "rule": "no id"}, ADD).status_code == 200


def test_a_dry_run_tells_of_an_expression_that_fails(tenant: Tenant, person: Person) -> None:
    tenant.execution("extract_1")
    shown = text(person.post(DRY_RUN, rule_form(sampling_rate="1", statuses=[], expression="abs(task)"), ADD))
    assert "The expression failed for 1 of them (JMESPathTypeError)" in shown


def test_a_dry_run_is_of_the_last_week_and_bounded(
    tenant: Tenant, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = ReviewRule(id=uuid7(), name="all", tags=[])
    execution = tenant.execution(*(f"task {number}" for number in range(60)))
    old = timezone.now() - timedelta(days=8)
    query = "UPDATE task_execution SET created_at = %s, completed_at = %s WHERE organization_id = %s AND task_name = %s"
    owner.execute(query, [old, old, tenant.id, "task 1"])
    owner.execute(query, [old, timezone.now(), tenant.id, "task 2"])
    monkeypatch.setattr(dry_run, "_PAGE", 7)
    found = matches_of_last_week(tenant.id, rule)
    assert (found.count, found.looked_at, found.is_cut, len(found.examples)) == (59, 59, False, 50)
    assert found.examples[0][1].task_name == "task 59"
    assert found.examples[0][1].flow_name == "invoices"

    monkeypatch.setattr(dry_run, "MOST_LOOKED_AT", 20)
    found = matches_of_last_week(tenant.id, rule)
    assert (found.looked_at, found.is_cut) == (21, True)
    monkeypatch.setattr(dry_run, "_SECONDS", -1)
    found = matches_of_last_week(tenant.id, rule)
    assert (found.count, found.is_cut) == (0, True)
    monkeypatch.undo()

    assert tenant.api().delete(f"/api/flow-executions/{execution.id}").status_code in (200, 204)
    assert matches_of_last_week(tenant.id, rule).count == 0


def test_a_dry_run_agrees_with_what_the_rule_then_does(tenant: Tenant) -> None:
    fields: dict[str, Any] = {
        "name": "same",
        "sampling_rate": Decimal("0.4"),
        "task_pattern": "*[[*]",
        "expression": "output.amount > `1.5` && !error",
        "tags": [{"tag": "look", "tag_type": "rule"}],
    }
    rule = create_rule(tenant.id, fields)
    execution = tenant.execution()
    for number in range(60):
        tenant.task(execution, f"extract[{number}]", output={"amount": Decimal(number) / 20})
    tags = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id)).json()
    with in_organization(tenant.id):
        rule = ReviewRule.objects.get(id=rule.id)
    found = matches_of_last_week(tenant.id, rule)
    assert {tag["task_name"] for tag in tags} == {candidate.task_name for _, candidate in found.examples}

"""A review rule fires once, in the transaction of what it fires for."""

import threading
import time
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError, connection

from tags.actions import rules
from tags.actions.rules import change_rule, delete_rule
from tags.db.tenancy import in_organization
from tags.errors import NotFound
from tags.models import ReviewRule
from tests.api.test_statements import listened
from tests.cast import Tenant, operation
from tests.ingest.rules import LOOK, Owner, active, completed, events_of, rule, tagged, tell


def test_a_rule_fires_for_what_producers_tell(tenant: Tenant, neighbour: Tenant, owner: Owner) -> None:
    fired = rule(tenant, tags=[*LOOK, {"tag": "why", "tag_type": "rule", "tag_metadata": {"limit": Decimal("0.10")}}])
    tell(tenant, completed(uuid4()))
    tell(neighbour, completed(uuid4()))
    assert [row[2:] for row in active(owner, tenant)] == [("look", "rule", None), ("why", "rule", {"limit": 0.1})]
    assert events_of(owner, tenant) == [("task_tag.added", f"rule:{fired.id}", "test")] * 2
    assert active(owner, neighbour) == []
    assert owner.execute(
        "SELECT DISTINCT modified_by FROM task_tag WHERE organization_id = %s", [tenant.id]
    ).fetchall() == [("rule",)]


def test_a_rule_fires_for_what_workers_report(tenant: Tenant, owner: Owner) -> None:
    rule(tenant, statuses=["failed"], flow_pattern="inv*", expression="error.code == `7`")
    execution = tenant.execution()
    report = {"flow_execution_id": str(execution.id), "task_name": "extract", "task_execution_idx": 0}
    api = tenant.api()
    assert api.post("/api/task-executions", {**report, "processing_status": "running"}).status_code == 201
    assert tagged(owner, tenant) == []
    answer = api.post("/api/task-executions", {**report, "processing_status": "failed", "error": {"code": 7}})
    assert answer.status_code == 201
    assert tagged(owner, tenant) == ["extract"]
    ((_, actor, request_id),) = events_of(owner, tenant)
    assert actor.startswith("rule:")
    assert request_id == answer["X-Request-ID"]
    # What is reported again is what it was: it neither fires again nor takes the tag off.
    api.post("/api/task-executions", {**report, "processing_status": "failed", "error": {"code": 7}})
    api.post("/api/task-executions", {**report, "processing_status": "running", "error": None})
    assert len(events_of(owner, tenant)) == 1


def test_it_fires_once_and_what_a_person_takes_off_stays_off(tenant: Tenant, owner: Owner) -> None:
    rule(tenant)
    id = uuid4()
    tell(tenant, completed(id))
    assert tenant.api("reviewer").tag(operation("remove", id, "extract", "look", tag_type="rule")).status_code == 200
    for note in range(2, 5):
        tell(tenant, completed(id, seconds=note, note=note))
    tell(tenant, completed(id, "failed", seconds=20))
    assert tagged(owner, tenant) == []
    assert [event[0] for event in events_of(owner, tenant)] == ["task_tag.added", "task_tag.removed"]


def test_it_fires_once_for_each_run_of_a_task(tenant: Tenant, owner: Owner) -> None:
    """The second run is another one, though the tag is the task's."""
    rule(tenant)
    execution = tenant.execution("extract")
    tenant.api("reviewer").tag(operation("remove", execution, "extract", "look", tag_type="rule"))
    tenant.task(execution, "extract", idx=1)
    assert tagged(owner, tenant) == ["extract"]


def test_what_does_not_change_does_not_fire(tenant: Tenant, owner: Owner) -> None:
    id = uuid4()
    tell(tenant, completed(id))
    rule(tenant)
    tell(tenant, completed(id))
    assert tagged(owner, tenant) == []
    tell(tenant, completed(id, seconds=3, note=2))
    assert tagged(owner, tenant) == ["extract"]


def test_a_failing_expression_stops_neither_ingest_nor_other_rules(
    tenant: Tenant, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    failing = rule(tenant, expression="abs(output.note)")
    rule(tenant, tags=[{"tag": "other", "tag_type": "rule"}])
    tell(tenant, completed(uuid4(), note="secret"))
    assert [row[2] for row in active(owner, tenant)] == ["other"]
    (line,) = [line for line in caplog.records if line.name == "tagsite.rules"]
    assert (line.rule, line.error, line.count) == (str(failing.id), "JMESPathTypeError", 1)  # type: ignore[attr-defined]
    assert "secret" not in caplog.text


def test_tags_come_with_the_write_or_not_at_all(tenant: Tenant, owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    rule(tenant)
    id = uuid4()
    with pytest.raises(DataError):
        tell(tenant, [*completed(id), *completed(uuid4(), note="\x00")])
    assert (active(owner, tenant), events_of(owner, tenant, "%")) == ([], [])
    # The other way round: a tag that cannot be put on holds up what it is for, or it would be lost.
    monkeypatch.setattr(rules, "apply_batch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tell(tenant, completed(id))
    assert events_of(owner, tenant, "%") == []
    query = "SELECT count(*) FROM rule_firing WHERE organization_id = %s"
    assert owner.execute(query, [tenant.id]).fetchone() == (0,)


def test_inactive_and_deleted_rules_do_not_fire(tenant: Tenant, owner: Owner) -> None:
    idle, gone = rule(tenant, is_active=False), rule(tenant)
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 1
    delete_rule(tenant.id, gone.id)
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 1
    assert owner.execute("SELECT count(*) FROM rule_firing WHERE organization_id = %s", [tenant.id]).fetchone() == (0,)
    change_rule(tenant.id, idle.id, {"is_active": True})
    tell(tenant, completed(uuid4()))
    assert len(tagged(owner, tenant)) == 2


@pytest.mark.parametrize("lock", ["FOR KEY SHARE", ""])
def test_a_rule_that_is_deleted_meanwhile_holds_up_nothing(
    tenant: Tenant, owner: Owner, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    """Without the lock, the control, a firing would be left without its rule, which the database refuses."""
    monkeypatch.setattr(rules, "_FIRE", rules._FIRE.replace("FOR KEY SHARE", lock))
    gone = rule(tenant)
    failures: list[BaseException] = []

    def ingest() -> None:
        try:
            tell(tenant, completed(uuid4()))
        except IntegrityError as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=ingest)
    with in_organization(tenant.id):
        delete_rule(tenant.id, gone.id)
        thread.start()
        wait_until_one_waits(owner)
    thread.join()
    assert len(failures) == (0 if lock else 1)
    assert tagged(owner, tenant) == []


def wait_until_one_waits(owner: Owner) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(500):
        if owner.execute(query).fetchone() == (1,):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


def test_a_rule_of_another_organization_is_nowhere(tenant: Tenant, neighbour: Tenant) -> None:
    foreign = rule(neighbour)
    for act in (partial(change_rule, fields={"name": "mine"}), delete_rule):
        with pytest.raises(NotFound):
            act(tenant.id, foreign.id)
    with in_organization(neighbour.id):
        assert ReviewRule.objects.get(id=foreign.id).name == "look at it"


def test_without_active_rules_ingest_costs_no_statement_more(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there are any is asked with the reading of the tasks."""

    def about_rules_alone() -> list[str]:
        with listened(monkeypatch) as heard:
            tell(tenant, completed(uuid4()))
        return [one for one in heard if "rule" in one and "FROM task_execution" not in one]

    rule(tenant, is_active=False)
    assert about_rules_alone() == []
    rule(tenant)
    assert about_rules_alone() != []


@pytest.mark.parametrize("many", [2, 200])
def test_statements_do_not_grow_with_the_runs(tenant: Tenant, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    rule(tenant)
    rule(tenant, statuses=["failed"])
    with listened(monkeypatch) as heard:
        tell(tenant, [one for _ in range(many) for one in completed(uuid4())])
    assert len(heard) == 20

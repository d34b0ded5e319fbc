"""The commands around seals, as an operator and an auditor meet them."""

import json
import runpy
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from tags.actions import sealing
from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.sealing import Sealer, StreamBrokenError, seal_events
from tags.db import exact_json
from tags.models import FlowExecution
from tests.cast import Tenant
from tests.database import PROJECT
from tests.live.servers import LiveServer
from tests.races.threads import together

# What JSON can be, in the keys and values that make canonical forms differ.
ODD = {"z": 1.50, "a": [1e-7, 0.000001, -0.0, 1e300], "é🚀￮": '"\\\u0001\u007f\u2028\n', "": None, "ﬀ": True}


@pytest.fixture
def execution(tenant: Tenant) -> FlowExecution:
    return tenant.execution("extract")


def add(tenant: Tenant, execution: FlowExecution, tag: str) -> None:
    metadata = exact_json.loads(json.dumps(ODD))
    apply_batch(
        [Operation(OperationKind.ADD, execution.id, "extract", tag, "review", metadata)], tenant.actor, tenant.id
    )


def run(*command: str) -> str:
    output = StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


def export(tenant: Tenant, path: Path) -> Path:
    call_command("export_seal", "--organization", str(tenant.id), "--output", str(path))
    return path


def export_events(tenant: Tenant, path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    capsys.readouterr()
    call_command("export_events", "--organization", str(tenant.id))
    path.write_text(capsys.readouterr().out)
    return path


def check_offline(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """With a Python that sees none of Tagsite and none of its packages."""
    command = [sys.executable, "-I", "-S", str(PROJECT / "docs" / "verify_seal.py"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd="/")


@pytest.fixture
def kept(tenant: Tenant, execution: FlowExecution, tmp_path: Path) -> Path:
    add(tenant, execution, "first")
    return export(tenant, tmp_path / "seal.json")


def test_an_untouched_record_verifies(tenant: Tenant, execution: FlowExecution, kept: Path) -> None:
    add(tenant, execution, "not sealed yet")
    assert "4 events, sealed up to 3: nothing was changed" in run("verify_events", "--seal", str(kept))


def test_what_was_changed_is_named_and_ends_with_1(tenant: Tenant, kept: Path, owner: psycopg.Connection) -> None:
    owner.execute("UPDATE event SET actor = 'system ' WHERE organization_id = %s AND position = 3", [tenant.id])
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_events", "--organization", str(tenant.id), stdout=output)
    assert ended.value.code == 1
    assert f"organization {tenant.id}: 3: changed" in output.getvalue()


def test_every_organization_is_verified_unless_one_is_named(tenant: Tenant, neighbour: Tenant, kept: Path) -> None:
    neighbour.execution("extract")
    run("seal_events", "--organization", str(neighbour.id))
    assert f"{neighbour.id}: 2 events, sealed up to 2" in run("verify_events", "--organization", str(neighbour.id))
    assert str(neighbour.id) not in run("verify_events", "--organization", str(tenant.id))


def test_the_offline_verifier_agrees_without_a_database(
    tenant: Tenant, execution: FlowExecution, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        add(tenant, execution, f"more {number}")
    later = export(tenant, tmp_path / "later.json")
    events = export_events(tenant, tmp_path / "events.jsonl", capsys)
    done = check_offline(events, kept, later)
    assert (done.returncode, done.stdout) == (0, "2 seals hold, the last at position 8\n")


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda lines: [lines[0].replace("system", "sys"), *lines[1:]], "the seal of position 3 does not hold"),
        (lambda lines: lines[:-1], "the seal of position 3 cannot be checked: the events end before"),
        (lambda lines: lines[1:], "the event on line 1 is not the one of position 1"),
        (lambda lines: ["{}", *lines], "the events cannot be followed"),
        (lambda lines: ["no JSON", *lines], "the events cannot be followed"),
    ],
)
def test_the_offline_verifier_finds_what_was_edited(
    edit: Any, sentence: str, tenant: Tenant, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = export_events(tenant, tmp_path / "events.jsonl", capsys)
    lines = events.read_text().rstrip("\n").split("\n")  # splitlines() would also split at a character of ODD's
    events.write_text("\n".join(edit(lines)))
    done = check_offline(events, kept)
    assert (done.returncode, done.stderr) == (1, "")
    assert sentence in done.stdout


def test_the_api_gives_the_seal_that_is_exported(tenant: Tenant, kept: Path) -> None:
    assert tenant.api("viewer").get("/api/events/seal").json() == json.loads(kept.read_text())


def test_before_the_first_seal_there_is_none(tenant: Tenant) -> None:
    assert tenant.api("viewer").get("/api/events/seal").status_code == 404
    with pytest.raises(CommandError, match="no event to seal"):
        call_command("export_seal", "--organization", str(tenant.id))


NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, st.sampled_from(["true", "false", "null"]), st.text().map(json.dumps)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda values: f"[{','.join(values)}]"),
        st.dictionaries(st.text(), inner, max_size=4).map(
            lambda members: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items()) + "}"
        ),
    ),
)


@given(VALUES)
def test_the_offline_verifier_has_the_same_canonical_form(text: str) -> None:
    offline = runpy.run_path(str(PROJECT / "docs" / "verify_seal.py"))["canonical"]
    assert offline(json.loads(text, parse_float=Decimal)).encode() == exact_json.canonical(exact_json.loads(text))


# Sealing


def test_sealers_at_the_same_time_make_one_chain(tenant: Tenant, execution: FlowExecution) -> None:
    for number in range(30):
        add(tenant, execution, f"tag {number}")
    assert [
        outcome for outcome in together(*[lambda: seal_events(tenant.id)] * 4) if not isinstance(outcome, int)
    ] == []
    seal_events(tenant.id)
    assert "32 events, sealed up to 32: nothing" in run("verify_events", "--organization", str(tenant.id))


@pytest.fixture(scope="module")
def others_sealed(django_db_setup: None) -> None:
    """The organizations of other tests: a sealer, which rests after each, would come to ours late."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "_REST", 0.0)
        Sealer().seal_everything()


def test_a_sealer_finds_what_another_left(others_sealed: None, tenant: Tenant, execution: FlowExecution) -> None:
    Sealer().seal_everything()
    add(tenant, execution, "after the first one died")
    sealer = Sealer()
    for _ in range(2):
        sealer.seal_everything()
    assert "3 events, sealed up to 3" in run("verify_events", "--organization", str(tenant.id))


def test_a_long_stream_is_sealed_in_pieces(tenant: Tenant, owner: psycopg.Connection, execution: FlowExecution) -> None:
    add(tenant, execution, "first")
    owner.execute(
        """
        INSERT INTO event (id, position, organization_id, type, flow_execution_id, task_name, actor, time, request_id,
                           batch_id, data)
        SELECT gen_random_uuid(), number, organization_id, type, flow_execution_id, task_name, actor, time, request_id,
               batch_id, data
        FROM event, generate_series(4, 1203) AS number WHERE organization_id = %s AND position = 3
        """,
        [tenant.id],
    )
    owner.execute("UPDATE event_stream SET position = 1203 WHERE organization_id = %s", [tenant.id])
    assert seal_events(tenant.id) == 1203
    count = "SELECT count(*) FROM seal WHERE organization_id = %s"
    assert owner.execute(count, [tenant.id]).fetchone() == (3,)
    assert "1203 events, sealed up to 1203: nothing" in run("verify_events", "--organization", str(tenant.id))


def test_nothing_is_sealed_over_a_gap(tenant: Tenant, kept: Path, owner: psycopg.Connection) -> None:
    tenant.execution("extract", "check")
    owner.execute("DELETE FROM event WHERE organization_id = %s AND position = 5", [tenant.id])
    with pytest.raises(StreamBrokenError, match="position 5 is missing"):
        seal_events(tenant.id)
    with pytest.raises(CommandError, match="position 5 is missing"):
        call_command("seal_events", "--organization", str(tenant.id))
    with pytest.raises(SystemExit):
        call_command("verify_events", "--organization", str(tenant.id))
    owner.execute("DELETE FROM event WHERE organization_id = %s AND position > 4", [tenant.id])
    owner.execute("UPDATE event_stream SET position = 4 WHERE organization_id = %s", [tenant.id])


def test_the_server_seals_by_itself_and_after_its_sealer_was_killed(
    others_sealed: None, tenant: Tenant, execution: FlowExecution
) -> None:
    with closing(LiveServer(SEAL_EVENTS="on")) as server:
        wait_until_sealed(server.url, tenant, 2)
        processes = psutil.Process(server.process.pid).children(recursive=True)
        (sealer,) = [process for process in processes if "tagsite.sealer" in process.cmdline()]
        sealer.kill()
        add(tenant, execution, "after its end")
        wait_until_sealed(server.url, tenant, 3)


def wait_until_sealed(url: str, tenant: Tenant, position: int) -> None:
    for _ in range(1200):  # the sealer has the lowest priority, and other tests keep the processors busy
        answer = httpx.get(f"{url}/api/events/seal", headers={"X-API-Key": tenant.token})
        if answer.status_code == 200 and answer.json()["position"] == position:
            return
        time.sleep(0.1)
    raise AssertionError(f"not sealed up to {position}: {answer.text}")


# Arguments


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["verify_events", "--organization", "acme"], "'acme' is no UUID"),
        (["verify_events", "--seal", "nowhere.json"], "nowhere.json cannot be read: No such file or directory"),
        (["export_seal"], "required: --organization"),
        (
            ["export_events", "--organization", "01a2135a-3030-73a7-856f-9795902e37da", "--after", "-1"],
            "is no position",
        ),
        (["seal_events", "--organization", "01a2135a-3030-73a7-856f-9795902e37da"], "There is no organization"),
        (["verify_events", "--organization", "01a2135a-3030-73a7-856f-9795902e37da"], "There is no organization"),
    ],
)
def test_wrong_arguments_are_explained(command: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command(*command)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no seal of Tagsite's: the file: Invalid JSON"),
        ("{}", "organization_id: Field required"),
        ('{"organization_id": "x"}', "organization_id: Input should be a valid UUID"),
        (json.dumps({"format": "other"}), "format: Input should be 'tagsite-seal-1'"),
    ],
)
def test_a_file_that_is_no_seal_is_explained(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "seal.json").write_text(text)
    with pytest.raises(CommandError, match=sentence):
        call_command("verify_events", "--seal", str(tmp_path / "seal.json"))


def test_a_seal_of_another_organization_is_refused(kept: Path, neighbour: Tenant) -> None:
    with pytest.raises(CommandError, match="of another organization"):
        call_command("verify_events", "--organization", str(neighbour.id), "--seal", str(kept))


def test_an_earlier_seal_is_never_replaced(tenant: Tenant, kept: Path) -> None:
    before = kept.read_text()
    with pytest.raises(CommandError, match="is there already"):
        export(tenant, kept)
    assert kept.read_text() == before

"""What a newcomer finds in the demo: one organization, three people, one program, and runs to look at.

Most of the runs are real: what Airflow, dbt and agents sent (tagsite/recordings), taken in as if they sent it now.
What was decided in the past two months is made up (tagsite/sample_history.py).
"""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.flow_executions import create_flow_execution
from tags.actions.organizations import add_member, create_organization, create_user
from tags.actions.people import change_email
from tags.actions.rules import create_rule
from tags.actions.service_accounts import create_api_key, create_service_account
from tags.actions.task_executions import report_task_execution
from tags.db import exact_json, tenancy
from tags.ingest import openlineage, otlp, otlp_wire
from tags.ingest.intake import take
from tags.models import SYSTEM, Actor, Membership, RejectedEvent, Role, Scope, ServiceAccount, TaskExecution, User
from tags.models.ids import uuid7
from tagsite.recordings import LINEAGE, TRACES, recorded
from tagsite.sample_history import History

ORGANIZATION = "Demo"
SERVICE_ACCOUNT = "Pipeline worker"
# The task that the greeting's example tags.
_TAGGED = "extract_fields"
PEOPLE = {"admin": Role.ADMIN, "reviewer": Role.REVIEWER, "viewer": Role.VIEWER}


@dataclass(frozen=True)
class Demo:
    """What var/demo.json holds: how to get in, and where to begin."""

    url: str
    organization_id: str
    api_key: str
    flow_execution_id: str
    users: dict[str, dict[str, str]]

    def write(self, path: Path) -> None:
        """Whole or not at all, and for its owner's eyes alone."""
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Demo | None":
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def load(url: str, path: Path) -> Demo:
    """The sample data, made once; a second call finds it. A lost demo.json means new passwords and a new key."""
    known = Demo.read(path)
    admin = User.objects.filter(username="admin").first()
    if known is not None and admin is not None:
        demo = Demo(**{**asdict(known), "url": url})
    else:
        demo = _make(url) if admin is None else _open_again(url, admin)
    demo.write(path)
    return demo


def _make(url: str) -> Demo:
    organization_id = uuid7()
    passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
    with tenancy.in_organization(organization_id):  # one transaction: all of it or nothing
        create_organization(ORGANIZATION, organization_id)
        people = {}
        for name, role in PEOPLE.items():
            people[name] = create_user(name, passwords[name], is_staff=name == "admin")
            add_member(organization_id, name, role)
            change_email(people[name].id, f"{name}@demo.example")
        account = create_service_account(organization_id, SERVICE_ACCOUNT, list(Scope), "integration")
        _, token = create_api_key(organization_id, account.id, "demo")
        History(organization_id, [people["reviewer"], people["admin"]]).load()
        executions = [_execution(organization_id, *run) for run in RUNS]
        for rule in RULES:
            create_rule(organization_id, rule)
        create_rule(organization_id, SAMPLE, SAMPLE_ID)
        _take_recordings(organization_id, Actor("service_account", account.id, "integration"))
    return _demo(url, organization_id, token, executions[0], passwords)


def _open_again(url: str, admin: User) -> Demo:
    passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
    for name, password in passwords.items():
        user = User.objects.get(username=name)
        user.set_password(password)
        user.save(update_fields=["password"])
    with tenancy.as_user(admin.id):
        organization_id = Membership.objects.values_list("organization_id", flat=True).get(user=admin)
    with tenancy.in_organization(organization_id):
        account = ServiceAccount.objects.get(name=SERVICE_ACCOUNT)
        _, token = create_api_key(organization_id, account.id, "demo")
        execution = TaskExecution.objects.order_by("created_at").filter(task_name=_TAGGED)[0].flow_execution_id
    return _demo(url, organization_id, token, execution, passwords)


def _demo(url: str, organization_id: UUID, token: str, execution_id: UUID, passwords: dict[str, str]) -> Demo:
    users = {name: {"username": name, "password": password} for name, password in passwords.items()}
    return Demo(url, str(organization_id), token, str(execution_id), users)


# What fills the review queue from what the recordings tell.
RULES: list[dict[str, Any]] = [
    {
        "name": "What failed needs a look",
        "statuses": ["failed"],
        "tags": [{"tag": "requires_attention", "tag_type": "alert", "tag_metadata": {"why": "it failed"}}],
    },
    {
        "name": "What an agent did is approved by a person",
        "task_pattern": "invoke_agent*",
        "statuses": ["completed"],
        "tags": [{"tag": "pending_approval", "tag_type": "review", "tag_metadata": {"why": "an agent decided this"}}],
    },
]
# Which ones a sample takes depends on the rule's id; with this one it takes three of the few that there are.
SAMPLE: dict[str, Any] = {
    "name": "A third of all extractions, as a sample",
    "task_pattern": "extract_fields*",
    "statuses": ["completed"],
    "sampling_rate": Decimal("0.33"),
    "tags": [{"tag": "requires_review", "tag_type": "sample", "tag_metadata": None}],
}
SAMPLE_ID = UUID("01900000-0000-7000-8000-000000000005")


def _take_recordings(organization_id: UUID, actor: Actor) -> None:
    for name in LINEAGE:
        events = [exact_json.loads(request.unpacked) for request in recorded(name)]
        take(organization_id, actor, RejectedEvent.Source.OPENLINEAGE.value, events, openlineage.observations)
    for name in TRACES:
        spans = [
            span
            for request in recorded(name)
            for span in otlp_wire.decode(request.unpacked, request.headers["content-type"])
        ]
        take(organization_id, actor, RejectedEvent.Source.OTLP.value, spans, otlp.observations, otlp_wire.to_keep)


# What the runs hold: flow, status, then for each task its name, status, seconds, output or error, and tags.
Task = tuple[str, str, int, Any, list[tuple[str, str, Any]]]
_ASKS = ("pending_approval", "review")
RUNS: list[tuple[str, str, list[Task]]] = [
    (
        "invoice_intake",
        "completed",
        [
            ("fetch_mail", "completed", 4, {"messages": 3, "attachments": ["INV-1042.pdf"]}, []),
            (
                "extract_fields",
                "completed",
                11,
                {"invoice": "INV-1042", "vendor": "Nordwind Papier", "total": 1284.50, "confidence": 0.71},
                [(*_ASKS, {"why": "confidence below 0.8"})],
            ),
            ("post_to_ledger", "awaiting_input", 1, None, [(*_ASKS, None)]),
        ],
    ),
    (
        "invoice_intake",
        "failed",
        [
            ("fetch_mail", "completed", 3, {"messages": 1, "attachments": ["INV-1043.pdf"]}, []),
            (
                "extract_fields",
                "failed",
                30,
                {"message": "extraction service did not answer within 30 s"},
                [("requires_attention", "alert", {"severity": "high"})],
            ),
        ],
    ),
    (
        "contract_review_agent",
        "completed",
        [
            ("read_contract", "completed", 2, {"pages": 14, "language": "en"}, []),
            (
                "find_risky_clauses",
                "completed",
                19,
                {"clauses": [{"section": "7.2", "risk": "unlimited liability"}, {"section": "11", "risk": "renewal"}]},
                [("reviewed", "review", {"note": "Section 7.2 goes to legal"})],
            ),
            ("write_summary", "completed", 8, {"summary": "Two clauses need a decision."}, [(*_ASKS, None)]),
        ],
    ),
    (
        "nightly_sales_report",
        "running",
        [
            ("load_orders", "completed", 42, {"rows": 18_311}, []),
            ("build_report", "running", 0, None, []),
        ],
    ),
]


def _execution(organization_id: UUID, flow_name: str, status: str, tasks: list[Task]) -> UUID:
    execution = create_flow_execution(organization_id, SYSTEM, flow_name=flow_name, fields={"status": status})
    clock = timezone.now() - timedelta(hours=2)
    operations = []
    for name, task_status, seconds, value, tags in tasks:
        fields = _fields(task_status, clock, seconds, value)
        report_task_execution(
            organization_id, SYSTEM, flow_execution_id=execution.id, task_name=name, idx=0, fields=fields
        )
        clock += timedelta(seconds=seconds)
        operations += [Operation(OperationKind.ADD, execution.id, name, *tag) for tag in tags]
    if operations:
        apply_batch(operations, SYSTEM, organization_id)
    return execution.id


def _fields(status: str, started_at: datetime, seconds: int, value: Any) -> dict[str, Any]:
    ended = status in ("completed", "failed")
    return {
        "processing_status": status,
        "error" if status == "failed" else "output": value,
        "started_at": started_at,
        "completed_at": started_at + timedelta(seconds=seconds) if ended else None,
    }

"""What a tenant owns, and the ids by which a request can name it: one's own, the neighbour's, or nobody's."""

import re
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tags.actions.batch import Operation, OperationKind, apply_batch
from tags.actions.credentials import caller_of_api_key, caller_of_user
from tags.actions.decisions import decide
from tags.actions.ingest import record_observations
from tags.actions.observations import DetailObservation
from tags.actions.organizations import add_member, create_organization, create_user
from tags.actions.rejections import Rejection, keep_rejections
from tags.actions.rules import create_rule
from tags.actions.saved_views import create_view
from tags.actions.sealing import seal_events
from tags.actions.service_accounts import create_api_key, create_service_account
from tags.actions.tickets import create_ticket
from tags.db.tenancy import in_organization
from tags.models import DecisionKind, Membership, Role, Scope
from tags.models.ids import uuid7
from tests.cast import Tenant

# In every free text that the neighbour owns, and nowhere else.
MARK = "neighbours-own"
A_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Ids:
    """Everything that a request may name."""

    organization: str
    flow: str
    flow_execution: str
    task_execution: str
    service_account: str
    api_key: str
    member: str
    user: str
    username: str

    @classmethod
    def of_nobody(cls) -> "Ids":
        """Well-formed, fresh, and in no organization at all."""
        return cls(*(str(uuid7()) for _ in range(8)), username=f"person-{uuid7()}")

    def named_in(self, text: str) -> list[str]:
        return [value for value in asdict(self).values() if value in text]


@dataclass(frozen=True)
class Neighbour:
    """The organization whose rows must never show, and never change."""

    tenant: Tenant
    ids: Ids

    @classmethod
    def create(cls) -> "Neighbour":
        tenant = tenant_without_passwords()
        return cls(tenant, settle(tenant, MARK))

    def words(self, rows: dict[str, list[str]]) -> set[str]:
        """What of its rows would give it away in an answer: every id, the mark of every text, the names of people."""
        ids = A_UUID.findall("".join(text for table in rows.values() for text in table))
        return {MARK, *ids, *(user.username for user in (self.tenant.admin, self.tenant.reviewer, self.tenant.viewer))}


def tenant_without_passwords(name: str = MARK) -> Tenant:
    """As Tenant.create, in a hundredth of the time: nobody in it logs in with a password."""
    organization_id = uuid7()
    with in_organization(organization_id):  # one transaction: hundreds of tests begin with this
        create_organization(f"{name} organization", organization_id)
        people = {role: create_user(f"person-{uuid7()}") for role in Role}
        for role, user in people.items():
            add_member(organization_id, user.username, role)
        account = create_service_account(organization_id, f"{name} worker", list(Scope), "integration")
        _, token = create_api_key(organization_id, account.id, f"{name} first key")
    return Tenant(organization_id, people[Role.ADMIN], people[Role.REVIEWER], people[Role.VIEWER], token)


def settle(tenant: Tenant, mark: str) -> Ids:
    """Give the tenant one of everything: a tagged task, a program with a key, tickets, a rule, a decision and so on."""
    execution = tenant.execution(flow_name="invoices")
    task = tenant.task(execution, "extract", input={"text": f"{mark} input"}, output=f"{mark} output")
    tag = Operation(OperationKind.ADD, execution.id, "extract", "approved", "review", {"text": f"{mark} metadata"})
    marked = Operation(OperationKind.ADD, execution.id, "extract", f"{mark} tag", "review")
    apply_batch([tag, marked], tenant.actor, tenant.id)
    create_rule(
        tenant.id,
        {"name": f"{mark} rule", "task_pattern": "*ruled", "tags": [{"tag": f"{mark} rule's tag", "tag_type": "rule"}]},
    )
    tenant.task(execution, f"{mark} ruled")
    keep_rejections(tenant.id, tenant.actor, "openlineage", [Rejection("missing", f"{mark} reason", {"text": mark})])
    record_observations(tenant.id, tenant.actor, [DetailObservation(uuid7(), {})])
    account = create_service_account(tenant.id, f"{mark} program", [Scope.READ], "integration")
    key, _ = create_api_key(tenant.id, account.id, f"{mark} key")
    decide(caller_of_user(tenant.reviewer.id, tenant.id, ""), DecisionKind.FLAG, [(execution.id, "extract")], mark)
    create_ticket(caller_of_user(tenant.viewer.id, tenant.id, ""))
    create_view(caller_of_user(tenant.reviewer.id, tenant.id, ""), f"{mark[:50]} view", f"?task={mark}")
    create_ticket(caller_of_api_key(tenant.token, ""))
    seal_events(tenant.id)
    return Ids(
        organization=str(tenant.id),
        flow=str(execution.flow_id),
        flow_execution=str(execution.id),
        task_execution=str(task.id),
        service_account=str(account.id),
        api_key=str(key.id),
        member=str(membership_id(tenant, tenant.viewer.id)),
        user=str(tenant.viewer.id),
        username=tenant.viewer.username,
    )


def membership_id(tenant: Tenant, user_id: UUID) -> UUID:
    with in_organization(tenant.id):
        return Membership.objects.get(user_id=user_id).id


_TENANT_TABLES = """
    SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND attname = 'organization_id' AND NOT attisdropped
    ORDER BY relname
"""


@cache
def tenant_tables(connection: psycopg.Connection) -> list[str]:
    """Every table with an organization, as the catalog has it."""
    return [name for (name,) in connection.execute(_TENANT_TABLES)]


def key_column(table: str) -> str:
    """The column that names the organization."""
    return "id" if table == "organization" else "organization_id"


def rows_of(owner: psycopg.Connection, organization_id: UUID | str) -> dict[str, list[str]]:
    """All that is stored of an organization, read past row-level security."""
    tables = [*tenant_tables(owner), "organization"]
    rows: dict[str, list[str]] = {table: [] for table in tables}
    for table, text in owner.execute(_rows_of_all(*tables), {"organization_id": organization_id}):
        rows[table].append(text)
    return rows


def _rows_of_all(*tables: str) -> sql.Composed:
    """One statement: the tests ask thousands of times."""
    of_one = "SELECT {} AS relation, to_jsonb(t)::text AS content FROM {} AS t WHERE {} = %(organization_id)s"
    parts = [
        sql.SQL(of_one).format(sql.Literal(table), sql.Identifier(table), sql.Identifier(key_column(table)))
        for table in tables
    ]
    return sql.SQL(" UNION ALL ").join(parts) + sql.SQL(" ORDER BY relation, content")


def stored(owner: psycopg.Connection, table: str, organization_id: UUID | str, **values: Any) -> int:
    """How many rows of the organization have these values."""
    conditions = "".join(f" AND {name} = %({name})s" for name in values)
    statement = f"SELECT count(*) FROM {table} WHERE organization_id = %(organization_id)s{conditions}"
    return int(owner.execute(statement, {"organization_id": organization_id, **values}).fetchone()[0])

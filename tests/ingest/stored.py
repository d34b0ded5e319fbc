"""What an organization has stored, without what differs from one replay to the next: row ids, times of writing."""

from typing import Any

import psycopg

from tests.cast import Tenant

_FLOW_EXECUTIONS = """
    SELECT flow_execution.id::text, flow.name, status, input, flow_execution.claims
    FROM flow_execution JOIN flow ON flow.id = flow_id AND flow.organization_id = flow_execution.organization_id
    WHERE flow_execution.organization_id = %s ORDER BY flow_execution.id
"""
_TASK_EXECUTIONS = """
    SELECT flow_execution_id::text, task_name, task_execution_idx, processing_status, input, output, error,
           started_at, completed_at, claims
    FROM task_execution WHERE organization_id = %s ORDER BY flow_execution_id, task_name, task_execution_idx
"""
_WAITING = (
    "SELECT run_id::text, waiting FROM producer_run WHERE organization_id = %s AND waiting <> '[]' ORDER BY run_id"
)


def stored(owner: psycopg.Connection[Any], tenant: Tenant) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "flow_executions": owner.execute(_FLOW_EXECUTIONS, [tenant.id]).fetchall(),
        "task_executions": owner.execute(_TASK_EXECUTIONS, [tenant.id]).fetchall(),
        "waiting": owner.execute(_WAITING, [tenant.id]).fetchall(),
    }

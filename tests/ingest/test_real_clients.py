"""The official clients, each in a process of its own, told of the server by environment variables and nothing else."""

import os
import re
import subprocess
import sys
from typing import Any
from uuid import UUID, uuid5

import psycopg

from tags.db import exact_json
from tags.ingest import openlineage
from tags.ingest.openlineage import AIRFLOW_RUNS
from tagsite.recordings import recorded
from tests.cast import Tenant
from tests.database import PROJECT
from tests.ingest.stored import stored

DOCS = PROJECT / "docs"

_LINEAGE = """
from datetime import UTC, datetime
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run, parent_run

client = OpenLineageClient()
run = "01a20a50-0e06-7083-920c-179f6d897ae7"
parent = parent_run.ParentRunFacet(parent_run.Run(run), parent_run.Job("reports", "monthly"))
error = error_message_run.ErrorMessageRunFacet("no such account", "python", "Traceback ...")

def tell(state, id, name, **facets):
    now = datetime.now(UTC).isoformat()
    job, producer = Job("reports", name), "https://example.com/reports"
    client.emit(RunEvent(eventType=state, eventTime=now, run=Run(id, facets), job=job, producer=producer))

step = "01a20a50-0e06-7083-920c-179f6d897ae8"
tell(RunState.START, run, "monthly")
tell(RunState.START, step, "load", parent=parent)
tell(RunState.FAIL, step, "load", parent=parent, errorMessage=error)
tell(RunState.FAIL, run, "monthly")
client.close()
"""

_TRACES = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("agent")
with tracer.start_as_current_span("invoke_agent expenses") as root:
    root.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "expenses"})
    for receipt in ("R-1", "R-2"):
        with tracer.start_as_current_span("execute_tool read_receipt") as call:
            call.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read_receipt"})
            call.set_attribute("gen_ai.tool.call.arguments", '{"receipt": "%s"}' % receipt)
            call.set_attribute("gen_ai.tool.call.result", '{"total": 12.50}')
provider.shutdown()
"""


def run(script: str, **environment: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENLINEAGE_"))}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr, done.stderr


def test_openlineage_python(server_url: str, tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    run(_LINEAGE, OPENLINEAGE_URL=server_url, OPENLINEAGE_API_KEY=tenant.token)
    result = stored(owner, tenant)
    assert [row[1:3] for row in result["flow_executions"]] == [("monthly", "failed")]
    tasks = {row[1]: row for row in result["task_executions"]}
    assert {name: row[3] for name, row in tasks.items()} == {"monthly": "failed", "load": "failed"}
    error = {"message": "no such account", "stackTrace": "Traceback ...", "programmingLanguage": "python"}
    assert tasks["load"][6] == error


def test_opentelemetry_sdk(server_url: str, tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    run(
        _TRACES,
        OTEL_EXPORTER_OTLP_ENDPOINT=server_url,
        OTEL_EXPORTER_OTLP_HEADERS=f"x-api-key={tenant.token}",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    result = stored(owner, tenant)
    assert [row[1:3] for row in result["flow_executions"]] == [("expenses", "completed")]
    calls = [row for row in result["task_executions"] if row[1].startswith("execute_tool read_receipt [")]
    assert len(result["task_executions"]) == 3
    assert sorted(row[4]["arguments"]["receipt"] for row in calls) == ["R-1", "R-2"]
    assert [row[5]["result"] for row in calls] == [{"total": 12.50}] * 2


def test_the_guides_for_airflow_and_http_say_how_to_find_and_send_a_run(server_url: str, tenant: Tenant) -> None:
    """The code of docs/airflow.md finds the flow execution of a recorded run; the lines of docs/http.md work."""
    code = re.search(r"AIRFLOW_RUNS = (UUID\(.*?\))", (DOCS / "airflow.md").read_text())
    assert code is not None
    assert eval(code[1], {"UUID": UUID}) == AIRFLOW_RUNS  # noqa: S307  # our own documentation
    assert '"airflow\\nairflow-prod\\n{ti.dag_id}\\n{ti.run_id}"' in (DOCS / "airflow.md").read_text()
    bodies = [request.body for request in recorded("openlineage-airflow")]
    event = exact_json.loads(next(body for body in bodies if b"taskInstance" in body))
    told = event["run"]["facets"]["airflow"]
    run = f"airflow\nairflow-prod\n{told['dag']['dag_id']}\n{told['dagRun']['run_id']}"
    (flow_execution, *_) = openlineage.observations(event)
    assert flow_execution.id == uuid5(AIRFLOW_RUNS, run)  # type: ignore[union-attr]

    script = "\n".join(re.findall(r"```sh\n(.*?)```", (DOCS / "http.md").read_text(), re.DOTALL))
    strict = 'set -euo pipefail; curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'
    environment = {**os.environ, "TAGSITE": server_url, "API_KEY": tenant.token}
    done = subprocess.run(["bash", "-c", strict + script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    names = {task["task_name"] for task in tenant.api().get("/api/task-executions").json()["task_executions"]}
    assert names == {"extract", "monthly_totals"}

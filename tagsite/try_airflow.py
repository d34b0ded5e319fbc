"""`make try-airflow`: two of Airflow's own example DAGs, run by a real Airflow that reports to the demo.

Airflow is installed into an environment of its own, below var/airflow; nothing else on the machine is touched. The
first time takes some minutes.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VAR = Path(os.environ.get("VAR_DIR", Path(__file__).resolve().parent.parent / "var"))
FOLDER = VAR.resolve() / "airflow"
PROGRAMS = FOLDER / "venv" / "bin"

PACKAGES = [
    "apache-airflow==3.3.2",
    "apache-airflow-providers-openlineage==2.20.3",
    "apache-airflow-providers-standard==1.21.0",
]
# One with a task that skips itself, and one with mapped tasks.
DAGS = ["example_bash_operator", "example_dynamic_task_mapping"]


def main() -> None:
    demo = _running_demo()
    _install()
    position = _position(demo)
    for dag in DAGS:
        _run(dag, demo)
    print("\nTagsite now shows\n")
    for execution_id in _new_flow_executions(demo, position):
        print(_shown(demo, execution_id))


def _running_demo() -> dict[str, Any]:
    try:
        demo: dict[str, Any] = json.loads((VAR / "demo.json").read_text())
        _get(demo, "/readyz")
    except (OSError, ValueError):
        sys.exit(f"try-airflow: no demo runs in {VAR}. Start one in another terminal: make demo")
    return demo


def _install() -> None:
    done = FOLDER / "installed"
    wanted = "\n".join(PACKAGES)
    if done.exists() and done.read_text() == wanted:
        return
    print(f"Installing {', '.join(PACKAGES)} into {FOLDER}: some minutes, 300 MB")
    venv.create(FOLDER / "venv", clear=True, with_pip=True)
    _call("pip install", PROGRAMS / "python", "-m", "pip", "install", "--disable-pip-version-check", *PACKAGES)
    _call("airflow db migrate", PROGRAMS / "airflow", "db", "migrate")
    done.write_text(wanted)


def _run(dag: str, demo: dict[str, Any]) -> None:
    """Whole, in one process; Airflow sends its events as they happen."""
    transport = {
        "type": "http",
        "url": demo["url"],
        "endpoint": "api/v1/lineage",
        "auth": {"type": "api_key", "apiKey": demo["api_key"]},
        "compression": "gzip",
    }
    print(f"Airflow runs {dag}")
    _call(
        f"airflow dags test {dag}",
        *(PROGRAMS / "airflow", "dags", "test", dag),
        AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport),
        AIRFLOW__OPENLINEAGE__NAMESPACE="airflow-try",
    )


def _call(what: str, *command: str | Path, **environment: str) -> None:
    own = {"AIRFLOW_HOME": str(FOLDER), "AIRFLOW__CORE__LOAD_EXAMPLES": "True", **environment}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "log").open("ab") as log:
        result = subprocess.run(  # noqa: S603  # our own
            command, env={**os.environ, **own}, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    if result.returncode != 0:
        sys.exit(f"try-airflow: {what} failed; {FOLDER / 'log'} tells why")


def _position(demo: dict[str, Any]) -> int:
    """Of the last event so far."""
    with _open(demo, "/api/task-executions?limit=1") as response:
        return int(response.headers["X-Stream-Position"])


def _new_flow_executions(demo: dict[str, Any], after: int) -> Iterator[str]:
    """Airflow's processes may have something left to send; it is there within seconds, or lost."""
    time.sleep(2)
    page = _get(demo, f"/api/events?after={after}&limit=1000&types=flow_execution.created")
    return (event["subject"] for event in page["events"])


def _shown(demo: dict[str, Any], id: str) -> str:
    execution = _get(demo, f"/api/flow-executions/{id}")
    tasks = _get(demo, f"/api/task-executions?flow_execution_id={id}")["task_executions"]
    dag = execution["input"]["run"]["airflowDagRun"]
    title = f"{dag['dag']['dag_id']}, run {dag['dagRun']['run_id']}: {execution['status']}"
    rows = [
        f"  {task['task_name']:<32} try {task['task_execution_idx'] + 1}  {task['processing_status']}"
        for task in sorted(tasks, key=lambda task: task["started_at"] or "")
    ]
    return "\n".join([title, f"  {demo['url']}/runs/{id}", *rows, ""])


def _get(demo: dict[str, Any], path: str) -> Any:
    with _open(demo, path) as response:
        return json.load(response)


def _open(demo: dict[str, Any], path: str) -> Any:
    request = urllib.request.Request(demo["url"] + path, headers={"X-API-Key": demo["api_key"]})  # noqa: S310  # our own
    return urllib.request.urlopen(request, timeout=10)  # noqa: S310  # http to the demo


if __name__ == "__main__":
    main()

"""OpenLineage run events (spec 2.x) as observations. Pure functions: no database, linear in the event's size.

Airflow and dbt are known by their facets; whatever else there is (Spark, Flink, own code) is taken by the parent facet:

    level   Airflow   dbt                        others
    flow    DAG       JOB                        no parent; also a task of its own, so that it can be reviewed
    task    TASK      MODEL, SEED, TEST and so   with a parent
    detail  QUERY     SQL                        -
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from tags.actions.observations import (
    QUEUED,
    Claim,
    DetailObservation,
    FlowExecutionObservation,
    Observation,
    Path,
    TaskExecutionObservation,
    flow_name,
    task_name,
)
from tags.ingest.errors import Rejected
from tags.ingest.fields import (
    JSONObject,
    check_storable,
    optional_object,
    optional_text,
    required_count,
    required_object,
    required_text,
)
from tags.ingest.openlineage_claims import error_claim, flow_input, query_value, task_input, task_output
from tags.ingest.openlineage_events import Event, Named, is_run_event, read
from tags.models.execution import FlowExecutionStatus

# Airflow's flow executions have ids made from it: to change it is to lose every one that is still running.
AIRFLOW_RUNS = UUID("143f2262-1394-4faf-b4e1-815a3f07b093")

# A clearing of a DAG run ranks above every status from before it.
_RANKS_PER_CLEARING = 10


@dataclass(slots=True)
class _Place:
    """Where an event belongs; without a task it is the flow's alone, with `is_flow` and a task it is both."""

    flow_execution_id: UUID
    flow_name: str
    is_flow: bool
    task_name: str | None = None
    idx: int = 0
    clear_number: int = 0


def observations(event: Any) -> list[Observation]:
    """What an event, decoded from JSON, says of runs; raises Rejected for what is no usable run event.

    DatasetEvents and JobEvents are accepted: they say nothing of runs. Every facet is kept, known or not.
    """
    if not is_run_event(event):
        return []
    check_storable(event)
    told = read(event)
    kind = _kind(told)
    if kind in _DETAILS:
        return [_detail(told)]
    place = _PLACES.get(kind, _place_of_any)(told)
    if place.task_name is None:
        return [_flow(told, place)]
    return [_flow(told, place), _task(told, place, place.task_name)]


def _kind(told: Event) -> tuple[str, str]:
    """The integration and its kind of job, in capitals; empty texts where the event does not say."""
    facet = optional_object(told.job_facets, "jobType", "job.facets.jobType")
    integration = (optional_text(facet, "integration", "job.facets.jobType.integration") or "").upper()
    job_type = (optional_text(facet, "jobType", "job.facets.jobType.jobType") or "").upper()
    if integration == "" or (integration == "AIRFLOW" and job_type not in ("DAG", "TASK", "QUERY")):
        if told.run_facets.get("airflowDagRun") is not None:
            return "AIRFLOW", "DAG"
        if told.run_facets.get("airflow") is not None:
            return "AIRFLOW", "TASK"
    if integration == "DBT" and job_type not in ("JOB", "SQL"):
        return "DBT", "NODE"
    return integration, job_type


def _place_of_dag(told: Event) -> _Place:
    facet = required_object(told.run_facets, "airflowDagRun", "run.facets.airflowDagRun")
    return _airflow_place(told, facet, "run.facets.airflowDagRun", is_flow=True)


def _place_of_airflow_task(told: Event) -> _Place:
    facet = required_object(told.run_facets, "airflow", "run.facets.airflow")
    place = _airflow_place(told, facet, "run.facets.airflow", is_flow=False)
    task = required_object(facet, "task", "run.facets.airflow.task")
    instance = required_object(facet, "taskInstance", "run.facets.airflow.taskInstance")
    # Not from job.name: dag ids and task ids hold dots themselves.
    name = required_text(task, "task_id", "run.facets.airflow.task.task_id")
    if instance.get("map_index") is not None:
        map_index = required_count(instance, "map_index", "run.facets.airflow.taskInstance.map_index", least=-1)
        name = f"{name}[{map_index}]" if map_index >= 0 else name
    place.task_name = task_name(name)
    place.idx = required_count(instance, "try_number", "run.facets.airflow.taskInstance.try_number", least=1) - 1
    return place


def _airflow_place(told: Event, facet: JSONObject, at: str, *, is_flow: bool) -> _Place:
    """By Airflow's own names, not by runId: a DAG run that is cleared and runs again gets another one."""
    dag_id = required_text(required_object(facet, "dag", f"{at}.dag"), "dag_id", f"{at}.dag.dag_id")
    dag_run = required_object(facet, "dagRun", f"{at}.dagRun")
    run_id = required_text(dag_run, "run_id", f"{at}.dagRun.run_id")
    clear_number = 0
    if dag_run.get("clear_number") is not None:
        clear_number = required_count(dag_run, "clear_number", f"{at}.dagRun.clear_number", least=0)
    name = f"airflow\n{told.job_namespace}\n{dag_id}\n{run_id}"
    return _Place(uuid5(AIRFLOW_RUNS, name), flow_name(dag_id), is_flow, clear_number=clear_number)


def _place_of_dbt_job(told: Event) -> _Place:
    return _Place(told.run_id, flow_name(told.job_name), is_flow=True)


def _place_of_dbt_node(told: Event) -> _Place:
    parent = _required_parent(told)
    return _Place(parent.run_id, flow_name(parent.job_name), is_flow=False, task_name=task_name(told.job_name))


def _place_of_any(told: Event) -> _Place:
    name = task_name(told.job_name)
    top = told.root or told.parent
    if top is None:
        return _Place(told.run_id, flow_name(told.job_name), is_flow=True, task_name=name)
    return _Place(top.run_id, flow_name(top.job_name), is_flow=False, task_name=name)


_PLACES = {
    ("AIRFLOW", "DAG"): _place_of_dag,
    ("AIRFLOW", "TASK"): _place_of_airflow_task,
    ("DBT", "JOB"): _place_of_dbt_job,
    ("DBT", "NODE"): _place_of_dbt_node,
}
_DETAILS = {("AIRFLOW", "QUERY"), ("DBT", "SQL")}


def _required_parent(told: Event) -> Named:
    if told.parent is None:
        raise Rejected("missing", "run.facets.parent is missing: what the run belongs to is not known")
    return told.parent


def _flow(told: Event, place: _Place) -> FlowExecutionObservation:
    """Also from a task's event: the flow's own may come later, or never."""
    first_rank = place.clear_number * _RANKS_PER_CLEARING
    if not place.is_flow:
        running = Claim(FlowExecutionStatus.RUNNING, told.time, first_rank + QUEUED)
        name = Claim(place.flow_name, told.time, 0)
        return FlowExecutionObservation(place.flow_execution_id, name, told.status and running)
    return FlowExecutionObservation(
        place.flow_execution_id,
        Claim(place.flow_name, told.time, 1),
        told.status and Claim(told.status.flow, told.time, first_rank + told.status.rank),
        flow_input(told),
        _skipped(told, place),
    )


def _task(told: Event, place: _Place, name: str) -> TaskExecutionObservation:
    return TaskExecutionObservation(
        place.flow_execution_id,
        name,
        place.idx,
        told.status and Claim(told.status.task, told.time, told.status.rank),
        told.time if told.type == "START" else None,
        task_input(told),
        task_output(told),
        error_claim(told),
        told.run_id,
    )


def _detail(told: Event) -> DetailObservation:
    """A query, under its name in its task's input.

    The end of it repeats all that its start said but the time, so the start's time has a place of its own.
    """
    parent, name = _required_parent(told), task_name(told.job_name)
    claims: dict[Path, Claim] = {("queries", name): Claim(query_value(told), told.time, told.rank)}
    if told.type == "START":
        claims["queries_started", name] = Claim(told.time.isoformat(), told.time)
    return DetailObservation(parent.run_id, claims)


def _skipped(told: Event, place: _Place) -> Claim | None:
    """Only the last event of a DAG run knows which tasks were skipped: one that skips itself sends COMPLETE.

    Of a mapped task it has the state of just one index, and does not say that it is mapped. Its name does no harm: the
    runs of a mapped task are named with their index.
    """
    state = optional_object(told.run_facets, "airflowState", "run.facets.airflowState")
    if told.rank == 0 or "tasksState" not in state:
        return None
    states = required_object(state, "tasksState", "run.facets.airflowState.tasksState")
    names = sorted(task_name(task) for task, state in states.items() if state == "skipped")
    return Claim(names, told.time, place.clear_number)

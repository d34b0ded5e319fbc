"""What an OpenLineage event claims about the input, output and error of its flow, its task or its query."""

from typing import Any

from tags.actions.observations import ENDED, Claim, Path, task_name
from tags.ingest.errors import Rejected
from tags.ingest.fields import JSONObject, optional_list, optional_object, required_object, required_text
from tags.ingest.openlineage_events import Event

MAX_DATASETS = 1000


def flow_input(told: Event) -> dict[Path, Claim]:
    producer = {} if told.producer is None else {"producer": told.producer}
    claims = _facet_claims(told)
    claims["runs", str(told.run_id)] = Claim(producer, told.time, told.rank)
    # A flow execution has no error of its own.
    if told.run_facets.get("errorMessage") is not None:
        claims["run", "errorMessage"] = Claim(_own(told.run_facets["errorMessage"]), told.time, told.rank)
    dag_run = optional_object(told.run_facets, "airflowDagRun", "run.facets.airflowDagRun").get("dagRun")
    if type(dag_run) is dict and dag_run.get("conf"):
        claims["conf",] = Claim(dag_run["conf"], told.time, told.rank)
    return claims


def task_input(told: Event) -> dict[Path, Claim]:
    claims = _facet_claims(told)
    claims.update(_dataset_claims(told, "inputs", told.inputs))
    return claims


def task_output(told: Event) -> dict[Path, Claim]:
    claims = _dataset_claims(told, "outputs", told.outputs)
    if assertions := _assertions(told.inputs[:MAX_DATASETS]):
        claims["assertions",] = Claim(assertions, told.time, told.rank)
    return claims


def error_claim(told: Event) -> Claim | None:
    if told.run_facets.get("errorMessage") is None:
        return None
    error = required_object(told.run_facets, "errorMessage", "run.facets.errorMessage")
    return Claim(_own(error), told.time, ENDED)


def query_value(told: Event) -> JSONObject:
    """Whole by itself, as it replaces what an earlier event of the same query said."""
    sql = optional_object(told.job_facets, "sql", "job.facets.sql")
    query: JSONObject = {"query": sql.get("query")}
    if told.status is not None:
        query["status"] = told.status.task.value
    if told.rank:
        query["completed_at"] = told.time.isoformat()
    if error := error_claim(told):
        query["error"] = error.value
    query["job"] = {name: _own(facet) for name, facet in told.job_facets.items() if name != "sql"}
    if more := {name: member for name, member in _own(sql).items() if name != "query"}:
        query["job"]["sql"] = more
    # The parent is the task that this is kept with.
    query["run"] = {
        name: _own(facet) for name, facet in told.run_facets.items() if name not in ("parent", "errorMessage")
    }
    for path, claim in (_dataset_claims(told, "inputs", told.inputs) | task_output(told)).items():
        query[path[0]] = claim.value
    return query


def _facet_claims(told: Event) -> dict[Path, Claim]:
    time, rank = told.time, told.rank
    claims: dict[Path, Claim] = {}
    for name, facet in told.job_facets.items():
        claims["job", task_name(name)] = Claim(_own(facet), time, rank)
    for name, facet in told.run_facets.items():
        if name != "errorMessage":
            claims["run", task_name(name)] = Claim(_own(facet), time, rank)
    return claims


def _own(facet: Any) -> Any:
    """A facet without the address of its producer and of its schema: the same few in every facet of every event."""
    if type(facet) is not dict:
        return facet
    facet = facet.copy()
    facet.pop("_producer", None)
    facet.pop("_schemaURL", None)
    return facet


def _dataset_claims(told: Event, name: str, datasets: list[Any]) -> dict[Path, Claim]:
    """How many were left out is of the longest list told of; the list itself may be a later, shorter one."""
    if not datasets:
        return {}
    kept = [_dataset(dataset, name) for dataset in datasets[:MAX_DATASETS]]
    claims: dict[Path, Claim] = {(name,): Claim(kept, told.time, told.rank)}
    if len(datasets) > MAX_DATASETS:
        claims[f"{name}_left_out",] = Claim(len(datasets) - MAX_DATASETS, told.time, told.rank)
    return claims


def _dataset(dataset: Any, place: str) -> JSONObject:
    if type(dataset) is not dict:
        raise Rejected("wrong_type", f"{place} must be a list of objects")
    kept: JSONObject = dataset.copy()
    for group in ("facets", "inputFacets", "outputFacets"):
        if dataset.get(group) is not None:
            facets = required_object(dataset, group, f"{place}[].{group}")
            kept[group] = {name: _own(facet) for name, facet in facets.items()}
    return kept


def _assertions(inputs: list[Any]) -> list[JSONObject]:
    found = []
    for dataset in inputs:
        # The spec has it among the facets of an input, dbt among those of the dataset.
        for group in ("facets", "inputFacets"):
            facets = optional_object(dataset, group, f"inputs[].{group}")
            if facets.get("dataQualityAssertions") is not None:
                at = f"inputs[].{group}.dataQualityAssertions"
                facet = required_object(facets, "dataQualityAssertions", at)
                if assertions := optional_list(facet, "assertions", f"{at}.assertions"):
                    name = required_text(dataset, "name", "inputs[].name")
                    found.append({"dataset": name, "assertions": assertions})
    return found

"""How many tasks wait, by what they can be narrowed to. Everything here runs inside `in_organization`."""

from dataclasses import dataclass

from django.db import connection

from tags.review.inbox_listed import FLOW_EXECUTION, Listed

# What is counted of each waiting tag, the oldest first; from there on a figure is "at least".
COUNTED = 100

_COUNTS = """
    WITH looked AS MATERIALIZED (
        SELECT wanted.tag::text, tagged.* FROM unnest(%(waiting)s::text[]) AS wanted(tag) CROSS JOIN LATERAL (
            SELECT flow_execution_id, task_name, tag_type, modified_by
            FROM task_tag
            WHERE organization_id = %(organization_id)s AND tag = wanted.tag AND status = 'active' {range}
            ORDER BY created_at, id LIMIT {counted}
        ) AS tagged
    ), task AS (
        SELECT array_agg(DISTINCT looked.tag) AS tags, flow.name::text AS flow_name, flow_execution.id,
               looked.task_name, array_agg(DISTINCT looked.modified_by::text) AS actors
        FROM looked {flow_execution} WHERE true {conditions}
        GROUP BY flow_execution.id, looked.task_name, flow.name
    ), alike AS (
        SELECT tags, flow_name, (
            SELECT run.processing_status::text FROM task_execution AS run
            WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = task.id
              AND run.task_name = task.task_name
            ORDER BY run.task_execution_idx DESC LIMIT 1
        ) AS status, actors, count(*) FROM task GROUP BY 1, 2, 3, 4
    )
    SELECT cut.is_cut, alike.* FROM (
        SELECT coalesce(max(of_tag) >= {counted}, false) AS is_cut
        FROM (SELECT count(*) AS of_tag FROM looked GROUP BY tag) AS counted
    ) AS cut LEFT JOIN alike ON true
"""


@dataclass(frozen=True, slots=True)
class Group:
    """So many waiting tasks are alike in these."""

    tags: list[str]
    flow: str
    status: str
    actors: list[str]
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    groups: list[Group]
    is_cut: bool


def counts(listed: Listed) -> Counts:
    """Of what waits; the filter's tag, flow, status and actor are left out, so that others can be chosen."""
    range_, conditions = listed.of_counts()
    statement = _COUNTS.format(range=range_, conditions=conditions, counted=int(COUNTED), flow_execution=FLOW_EXECUTION)
    with connection.cursor() as cursor:
        cursor.execute(statement, listed.parameters)
        rows = cursor.fetchall()
    return Counts([Group(*row[1:]) for row in rows if row[1] is not None], rows[0][0])

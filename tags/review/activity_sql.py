"""The statements of the activity (activity_query.py), and the parts of which they are made."""

# The first position whose event happened at the moment or later: a search by halves over positions without gaps. The
# middle is a column of its own: under row-level security no index is asked for what has yet to be divided.
POSITION_AT = """
    WITH RECURSIVE search AS (
        SELECT low, high, (low + high) / 2 AS middle
        FROM (SELECT %(oldest)s::bigint - 1 AS low, %(newest)s::bigint + 1 AS high) AS all_of_it
        UNION ALL
        SELECT low, high, (low + high) / 2 FROM (
            SELECT CASE WHEN event.time < %(moment)s THEN search.middle ELSE search.low END AS low,
                   CASE WHEN event.time < %(moment)s THEN search.high ELSE search.middle END AS high
            FROM search JOIN event ON event.position = search.middle
            WHERE event.organization_id = %(organization_id)s AND search.high - search.low > 1
        ) AS half
    )
    SELECT min(high) FROM search
"""
# One condition of these finds events by an index; the others are asked of what it found. The word of an index's own
# condition stands as it is written there.
OF_RUN = "AND event.flow_execution_id = %(run)s"
OF_PERSON = "AND event.actor = %(actor)s AND event.actor LIKE 'user:%%'"
OF_TAG = "AND event.tag = %(tag)s"
OF_RUNS = """
    AND event.type = ANY(%(types)s)
    AND event.type IN ('flow_execution.created', 'flow_execution.updated', 'flow_execution.deleted')
"""
NEAR = "AND event.position > %(before)s - %(looked_at)s"
SEEN = """
    SELECT event.position, event.type, event.flow_execution_id, event.task_name, event.actor, event.time,
           event.batch_id, event.tag
    FROM event
    WHERE event.organization_id = %(organization_id)s AND event.position < %(before)s AND event.position > %(after)s
          {found_by}
    ORDER BY event.position DESC LIMIT %(looked_at)s
"""
TAG = "seen.tag = %(tag)s"
FLOW = """
    EXISTS (
        SELECT FROM flow_execution
        JOIN flow ON flow.organization_id = flow_execution.organization_id AND flow.id = flow_execution.flow_id
        WHERE flow_execution.organization_id = %(organization_id)s AND flow_execution.id = seen.flow_execution_id
          AND flow.name = %(flow)s
    )
"""
DECIDED = """
    EXISTS (
        SELECT FROM decision
        WHERE decision.organization_id = %(organization_id)s AND decision.batch_id = seen.batch_id
    )
"""
# A batch is one entry, and so are all batches of one press of a button; the newest stands for those further back.
ENTRIES = """
    WITH seen AS MATERIALIZED ({seen}), batch AS (
        SELECT seen.batch_id, max(seen.position) AS newest, min(seen.position) AS oldest, count(*) AS events,
               count(DISTINCT (seen.flow_execution_id, seen.task_name)) AS tasks,
               count(DISTINCT seen.flow_execution_id) AS runs,
               count(*) FILTER (WHERE seen.type = 'task_tag.added') AS added,
               count(*) FILTER (WHERE seen.type = 'task_tag.removed') AS removed,
               count(*) FILTER (WHERE seen.type = 'task_execution.created') AS reported,
               count(*) FILTER (WHERE seen.type = 'task_execution.updated') AS changed,
               count(*) FILTER (WHERE seen.type = 'flow_execution.created') AS begun,
               count(*) FILTER (WHERE seen.type IN ('flow_execution.updated', 'flow_execution.deleted')) AS moved,
               max(seen.actor) AS actor, max(seen.time) AS time, max(seen.flow_execution_id::text)::uuid AS run
        FROM seen WHERE true {conditions}
        GROUP BY seen.batch_id
    ), entry AS (
        SELECT coalesce(decision.group_id, batch.batch_id) AS key, max(newest) AS newest, min(oldest) AS oldest,
               max(actor) AS actor, false AS in_a_row, max(batch.time) AS time, max(run::text)::uuid AS run,
               max(decision.kind) AS decision, bool_or(decision.undone_by IS NOT NULL) AS is_undone,
               sum(events)::int AS events, sum(tasks)::int AS tasks, max(runs)::int AS runs, sum(added)::int AS added,
               sum(removed)::int AS removed, sum(reported)::int AS reported, sum(changed)::int AS changed,
               sum(begun)::int AS begun, sum(moved)::int AS moved
        FROM batch LEFT JOIN decision
          ON decision.organization_id = %(organization_id)s AND decision.batch_id = batch.batch_id
        WHERE decision.id IS NULL OR NOT EXISTS (
            SELECT FROM decision AS later
            WHERE later.organization_id = %(organization_id)s AND later.group_id = decision.group_id
              AND later.position >= %(shown)s
        )
        GROUP BY coalesce(decision.group_id, batch.batch_id)
    )
    SELECT looked.*, entry.* FROM (SELECT min(position), count(*) FROM seen) AS looked
    LEFT JOIN (SELECT * FROM entry ORDER BY newest DESC LIMIT %(read)s) AS entry ON true
    ORDER BY entry.newest DESC
"""
# The whole of each press of a button, however far back it began and whatever of it was asked for.
GROUPS = """
    SELECT decision.group_id, min(decision.position - jsonb_array_length(decision.changes)) + 1,
           sum(jsonb_array_length(decision.changes))::int,
           (
               SELECT count(DISTINCT (change ->> 1, change ->> 2))::int
               FROM decision AS one, jsonb_array_elements(one.changes) AS change
               WHERE one.organization_id = %(organization_id)s AND one.group_id = decision.group_id
           )
    FROM decision
    WHERE decision.organization_id = %(organization_id)s AND decision.group_id = ANY(%(groups)s)
      AND decision.position IS NOT NULL
    GROUP BY decision.group_id
"""
# What is too large is told without what it says.
CHANGES = """
    SELECT wanted.ordinal, event.position, event.type, event.actor, event.time, event.flow_execution_id,
           event.task_name, flow.name, flow_execution.status,
           (
               SELECT run.id FROM task_execution AS run
               WHERE run.organization_id = %(organization_id)s AND run.flow_execution_id = event.flow_execution_id
                 AND run.task_name = event.task_name
               ORDER BY run.task_execution_idx DESC LIMIT 1
           ), {change}
    FROM unnest(%(newest)s::bigint[], %(oldest)s::bigint[], %(keys)s::uuid[], %(actors)s::text[]) WITH ORDINALITY
         AS wanted(newest, oldest, key, program, ordinal)
    CROSS JOIN LATERAL (
        SELECT seen.position, seen.type, seen.actor, seen.time, seen.flow_execution_id, seen.task_name,
               CASE WHEN pg_column_size(seen.data) <= 300000 THEN seen.data ELSE '{{}}' END AS data
        FROM event AS seen
        WHERE seen.organization_id = %(organization_id)s
          AND seen.position BETWEEN wanted.oldest AND wanted.newest AND seen.position < %(before)s
          AND {belongs} {conditions}
        ORDER BY seen.position DESC LIMIT %(limit)s
    ) AS event
    JOIN flow_execution ON flow_execution.organization_id = %(organization_id)s
     AND flow_execution.id = event.flow_execution_id
    JOIN flow ON flow.organization_id = %(organization_id)s AND flow.id = flow_execution.flow_id
    ORDER BY wanted.ordinal, event.position DESC
"""
OF_BATCH = """(seen.batch_id = wanted.key OR EXISTS (
    SELECT FROM decision
    WHERE decision.organization_id = %(organization_id)s AND decision.batch_id = seen.batch_id
      AND decision.group_id = wanted.key
))"""
OF_PROGRAM = "seen.flow_execution_id = wanted.key AND seen.actor = wanted.program"

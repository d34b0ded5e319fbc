"""A list larger than a mebibyte goes through a temporary file, and arrives whole."""

import json
from typing import Any

import pytest
from psycopg import Connection

from tests.api.patience import within
from tests.cast import Tenant, operation

# As many as make three mebibytes with a kibibyte of metadata each.
TAGS = 3_000


@pytest.fixture
def execution_id(tenant: Tenant, owner: Connection) -> str:
    """A flow execution with many tags: one of the API's own, and copies of it."""
    execution = tenant.execution("extract")
    tenant.api().tag(operation("add", execution, "extract", "tag 0", tag_metadata="é" * 500))
    owner.execute(
        """
        INSERT INTO task_tag (id, organization_id, flow_execution_id, task_name, tag, tag_type, tag_metadata,
                              metadata_digest, status, created_at, updated_at, modified_by)
        SELECT gen_random_uuid(), organization_id, flow_execution_id, task_name, 'tag ' || number, tag_type,
               tag_metadata, metadata_digest, status, created_at + number * interval '1 ms', updated_at, modified_by
        FROM task_tag, generate_series(1, %s - 1) AS number WHERE flow_execution_id = %s
        """,
        [TAGS, execution.id],
    )
    return str(execution.id)


def received(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_a_list_of_many_tags_arrives_whole_and_in_order(tenant: Tenant, execution_id: str) -> None:
    response = tenant.api().get("/api/task-tags", flow_execution_id=execution_id)
    body = received(response)
    tags = json.loads(body)
    assert [tag["tag"] for tag in tags] == [f"tag {number}" for number in range(TAGS)]
    assert {tag["tag_metadata"] for tag in tags} == {"é" * 500}


def test_it_comes_from_a_file_with_its_length_said(tenant: Tenant, execution_id: str) -> None:
    response = tenant.api().get("/api/task-tags", flow_execution_id=execution_id)
    assert response.streaming
    assert response["Content-Type"] == "application/json"
    body = received(response)
    assert len(body) == int(response["Content-Length"]) > 3 * 2**20


def test_a_page_of_task_executions_with_all_those_tags_arrives_whole(tenant: Tenant, execution_id: str) -> None:
    response = tenant.api().get("/api/task-executions", flow_execution_id=execution_id)
    (record,) = json.loads(received(response))["task_executions"]
    assert len(record["tags"]) == TAGS


def test_few_but_large_tags_come_from_a_file_too(tenant: Tenant) -> None:
    execution = tenant.execution("extract")
    with within(60):
        for number in range(10):
            tag = operation("add", execution, "extract", f"tag {number}", tag_metadata="x" * 900_000)
            assert tenant.api().tag(tag).status_code == 200
    response = tenant.api().get("/api/task-tags", flow_execution_id=str(execution.id))
    assert response.streaming
    assert len(json.loads(received(response))) == 10


def test_a_short_list_is_answered_from_memory(tenant: Tenant) -> None:
    response = tenant.api().get("/api/task-tags", flow_execution_id=str(tenant.execution().id))
    assert not response.streaming

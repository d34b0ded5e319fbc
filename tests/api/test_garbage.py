"""What was sent is freed with the answer, without the collector of circles, which would let megabytes of it lie."""

import gc
import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from rest_framework.request import Request

from tests.cast import Tenant, operation
from tests.ingest.test_lineage_endpoint import event


def requests_left_by(tenant: Tenant, method: str, path: str, body: Any, status: int) -> int:
    """Served without Django's test client, which makes circles of its own."""
    id = uuid4().hex
    headers = {"X-API-Key": tenant.token, "X-Request-ID": id}
    sent = RequestFactory().generic(method, path, json.dumps(body), content_type="application/json", headers=headers)
    gc.collect()
    gc.disable()
    try:
        said: list[str] = []
        response = WSGIHandler()(sent.environ, lambda *head: said.append(head[0]))
        assert (said[0][:3], len(b"".join(response)) > 0) == (str(status), True)
        response.close()  # type: ignore[attr-defined]  # an HttpResponse
        del response
        requests = [found for found in gc.get_objects() if type(found) is Request]
        return sum(found.headers.get("X-Request-ID") == id for found in requests)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("method", "path", "good", "bad", "status"),
    [
        ("POST", "/api/v1/lineage", [event()], [{}], 422),
        ("POST", "/v1/traces", {"resourceSpans": []}, [], 400),
        ("PATCH", "/api/task-tags", None, {"tags": []}, 422),
    ],
)
def test_no_request_lies_about(tenant: Tenant, method: str, path: str, good: Any, bad: Any, status: int) -> None:
    good = good or {"tags": [operation("add", tenant.execution("extract"), "extract", "reviewed")]}
    assert requests_left_by(tenant, method, path, good, 200) == 0
    assert requests_left_by(tenant, method, path, bad, status) == 0

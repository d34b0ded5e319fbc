"""What Prometheus may know. No label names an organization or a person."""

import os
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

REQUESTS = Histogram("tagsite_request_seconds", "Time to answer a request", ["method", "route", "status"])
BATCH_OPERATIONS = Histogram(
    "tagsite_batch_operations", "Operations in a committed batch", buckets=(1, 2, 5, 10, 20, 50, 100)
)
BATCH_SECONDS = Histogram(
    "tagsite_batch_seconds", "Time to apply a batch", buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
)
STATEMENTS = Counter("tagsite_statements", "SQL statements sent, BEGIN and COMMIT aside")
EVENTS = Counter("tagsite_events", "Events recorded", ["type"])
RULE_FAILURES = Counter("tagsite_rule_failures", "Task executions over which a review rule's expression failed")
SOCKETS = Gauge("tagsite_sockets", "Open sockets", multiprocess_mode="livesum")
SOCKETS_ENDED = Counter("tagsite_sockets_ended", "Sockets that the server ended, by close code", ["code"])


def exposition() -> bytes:
    """The figures in Prometheus' text format, of all processes where they share PROMETHEUS_MULTIPROC_DIR."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in the library
    return generate_latest(registry)


def count_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of `connection_created`."""
    if _count_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count_statement)


def _count_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    STATEMENTS.inc()
    return execute(sql, params, many, context)

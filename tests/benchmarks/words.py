"""What the preloaded rows and the measured batches say."""

import json
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

FLOWS = ["Invoices", "Contracts", "Claims", "Onboarding", "Orders", "Support mail", "Lab reports", "Travel expenses"]
TASKS = ["extract_fields", "classify_document", "match_purchase_order", "check_totals", "notify_approver"]
TAGS = [
    "needs-review", "checked", "low-confidence", "duplicate", "wrong-currency", "handwritten", "rotated-page",
    "missing-signature", "pii", "vat-mismatch", "new-supplier", "escalated", "over-limit", "partial-delivery",
    "unreadable", "golden-example", "regression", "late", "corrected-by-hand", "language:de", "language:fr",
    "retention:7y", "model:v12", "sampled", "blocked",
]  # fmt: skip
TAG_TYPES = ["review", "quality", "compliance", "routing", "label"]
_NOTES = [
    "Total does not match the sum of lines",
    "Second page was upside down",
    "Supplier is not in the master data yet",
    "Compared with the paper original",
]


def preloaded_metadata() -> list[dict[str, Any] | None]:
    """Every second one null, as tags without a note are common."""
    notes = [{"note": note, "score": tenth / 10} for note in _NOTES for tenth in range(1, 10)]
    return [value for note in notes for value in (None, note)]


class Batches:
    """Bodies of PATCH /api/task-tags that add new tags to executions spread at random; no tag comes twice."""

    def __init__(self, executions: Sequence[UUID], seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret
        self._executions = [str(id) for id in executions]
        self._count = 0

    def next(self, size: int) -> bytes:
        return json.dumps({"tags": [self._operation() for _ in range(size)]}, separators=(",", ":")).encode()

    def _operation(self) -> dict[str, Any]:
        choose = self._random.choice
        self._count += 1
        return {
            "operation": "add",
            "flow_execution_id": choose(self._executions),
            "task_name": choose(TASKS),
            "tag": choose(TAGS),
            "tag_type": choose(TAG_TYPES),
            "tag_metadata": {"note": f"{choose(_NOTES)} (line {self._count})", "score": 0.5},
        }

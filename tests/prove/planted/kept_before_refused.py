from collections.abc import Sequence
from typing import Any

from tags.actions import batch


def plant() -> None:
    """The operations of a batch are applied one by one: what stands before an unknown target is kept."""
    apply = batch.apply_batch

    def one_by_one(operations: Sequence[Any], *context: Any) -> list[Any]:
        return [outcome for operation in operations for outcome in apply([operation], *context)]

    batch.apply_batch = one_by_one

"""docs/security.md names the test of each item: it must exist, and each row must name one."""

import re

from tests.database import PROJECT

DOCUMENT = (PROJECT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCUMENT)
# The tables of risks and items.
ROWS = re.findall(r"^\| ((?:API\d|V\d)[^|]*) \|[^|]*\|([^|]*)\|$", DOCUMENT, re.MULTILINE)


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED
        if not re.search(rf"^(?:async )?def {name}\(", (PROJECT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_item_names_a_test() -> None:
    assert [item for item, tests in ROWS if "::test_" not in tests] == []
    assert sum(item.startswith("API") for item, _ in ROWS) == 10
    assert len(ROWS) > 30

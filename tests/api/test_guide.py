"""docs/api.md: its examples run as they stand, one after the other, against a real server."""

import os
import re
import subprocess

import pytest

from tests.cast import PASSWORD, Tenant
from tests.database import PROJECT

GUIDE = (PROJECT / "docs" / "api.md").read_text()
EXAMPLES = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))

# An error status ends the script; each answer is told apart by a line of its own on stderr.
STRICT = 'set -euo pipefail; curl() { command curl --silent --show-error --fail-with-body "$@" | tee /dev/stderr; }\n'


@pytest.fixture(scope="module")
def answers(server_url: str) -> str:
    tenant = Tenant.create()
    variables = {
        "TAGSITE": server_url,
        "API_KEY": tenant.token,
        "USERNAME": tenant.admin.username,
        "PASSWORD": PASSWORD,
    }
    script = ["bash", "-c", STRICT + EXAMPLES]
    done = subprocess.run(script, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def test_every_example_is_answered_without_an_error(answers: str) -> None:
    assert '"error":{' not in answers


def test_the_batch_is_answered_as_the_guide_says(answers: str) -> None:
    said = '{"tags":[{"status":"added"},{"status":"not_found"}]}'
    assert said in GUIDE
    assert said in answers


def test_the_corrected_record_is_what_the_guide_says(answers: str) -> None:
    assert '"edited_not_reexecuted"' in answers


def test_the_guide_names_every_operations_path() -> None:
    from tests.api.openapi import document

    for path in document().document["paths"]:
        collection = path.split("/{")[0]
        assert collection in GUIDE, path

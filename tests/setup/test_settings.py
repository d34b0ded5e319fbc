"""With DEBUG off, an unsafe configuration does not start; each in a process of its own, as an operator meets it."""

import os
import subprocess
import sys

import pytest

from tests.database import OWNER_URL, PROJECT

SAFE = {
    "DEBUG": "off",
    "SECRET_KEY": "kR9vXw2mZq7Lp4TsYb6NcHd8JfGa3Ue5WiOx1VrBtMyQzPnEjS",
    "ALLOWED_HOSTS": "tagsite.example",
}


def run(*command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **SAFE, **changes}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_safe_configuration_passes_the_deployment_checks() -> None:
    result = run("check", "--deploy", "--fail-level", "WARNING", HTTPS=None)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY must be at least 50 random characters"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be at least 50 random characters"),
        (
            {"SECRET_KEY": "insecure: for development only, not accepted with DEBUG off"},
            "SECRET_KEY must be at least 50 random characters",
        ),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS must name the host names"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must name the host names"),
        ({"ALLOWED_HOSTS": "tagsite.example,*"}, "ALLOWED_HOSTS must name the host names"),
    ],
)
def test_an_unsafe_setting_is_a_sentence(changes: dict[str, str | None], sentence: str) -> None:
    result = run("check", **changes)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_superuser_role_does_not_serve() -> None:
    result = run("serve", "--port", "0", DATABASE_URL=OWNER_URL)
    assert result.returncode == 1
    assert "PostgreSQL would not keep organizations apart" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unreachable_database_is_a_sentence() -> None:
    result = run("serve", "--port", "0", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.returncode == 1
    assert "The database cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_arguments_are_explained() -> None:
    assert "usage:" in run("serve", "--port", "many").stderr
    assert "usage:" in run("createorganization").stderr

"""`tools/check_requirements.py`, which `make lint` runs: it is able to fail."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

from tests.database import PROJECT

HASH = "    --hash=sha256:" + "0" * 64 + "\n"
GOOD = {
    "requirements.txt": "a==1\n",
    "requirements-dev.txt": "-r requirements.txt\nb[c]==2\n",
    "requirements.lock": f"a==1 \\\n{HASH}    # via -r requirements.txt\n",
    "requirements-dev.lock": (
        f"a==1 \\\n{HASH}    # via\n    #   -r requirements.txt\n    #   b\n"
        f"b==2 \\\n{HASH}    # via -r requirements-dev.txt\nd==3 \\\n{HASH}    # via b\n"
    ),
}


def check(folder: Path, **changed: tuple[str, str]) -> list[str]:
    """What is wrong with the good files after one text in one of them was replaced."""
    for name, text in GOOD.items():
        old, new = changed.get(name.replace(".", "_").replace("-", "_"), ("", ""))
        (folder / name).write_text(text.replace(old, new, 1) if old else text)
    tool: dict[str, Any] = runpy.run_path(str(PROJECT / "tools" / "check_requirements.py"))
    tool["_compare"].__globals__["PROJECT"] = folder
    pairs = tool["PAIRS"].items()
    wrong = [sentence for pair in pairs for sentence in tool["_compare"](*pair)]
    return wrong + tool["_between_locks"](*(tool["read_lock"](folder / lock) for lock in tool["PAIRS"].values()))


def test_requirements_and_locks_agree() -> None:
    tool = runpy.run_path(str(PROJECT / "tools" / "check_requirements.py"))
    assert [sentence for pair in tool["PAIRS"].items() for sentence in tool["_compare"](*pair)] == []


def test_good_files_pass(tmp_path: Path) -> None:
    assert check(tmp_path) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"requirements_lock": (HASH, "")},
        {"requirements_txt": ("a==1", "a==2")},
        {"requirements_txt": ("a==1", "a>=1")},
        {"requirements_txt": ("a==1", "a==1\ne==1")},
        {"requirements_dev_txt": ("b[c]==2", "")},
        {"requirements_dev_lock": ("a==1", "a==2")},
    ],
)
def test_what_does_not_agree_is_named(tmp_path: Path, changed: dict[str, tuple[str, str]]) -> None:
    assert check(tmp_path, **changed) != []


def test_what_is_installed_is_compared(tmp_path: Path) -> None:
    tool = runpy.run_path(str(PROJECT / "tools" / "check_requirements.py"))
    (tmp_path / "lock").write_text("pytest==0.1\nno-such-package==1\n")
    assert len(tool["_installed"](tool["read_lock"](tmp_path / "lock"))) == 2


def test_what_holds_on_another_platform_alone_need_not_be_installed(tmp_path: Path) -> None:
    tool = runpy.run_path(str(PROJECT / "tools" / "check_requirements.py"))
    (tmp_path / "lock").write_text("no-such-package==1 ; sys_platform == 'win32' \\\n")
    assert tool["_installed"](tool["read_lock"](tmp_path / "lock")) == []


def test_what_a_package_needs_on_other_pythons_is_locked_too() -> None:
    """redis needs async-timeout before Python 3.11.3, which Debian 12 has."""
    tool = runpy.run_path(str(PROJECT / "tools" / "check_requirements.py"))
    locked = tool["read_lock"](PROJECT / "requirements.lock")
    assert tool["_needed_elsewhere"](locked) == []
    locked["async-timeout"].marker = Marker("sys_platform == 'win32'")
    assert len(tool["_needed_elsewhere"](locked)) == 1
    del locked["async-timeout"]
    assert len(tool["_needed_elsewhere"](locked)) == 1

"""The messages that templates and Python mark for translation, found as xgettext finds them, without it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from tests.database import PROJECT

# Context, message, plural.
Message = tuple[str | None, str, str | None]

# Which argument is what, by the function's name.
_SHAPES = {
    "gettext": ("message",),
    "gettext_lazy": ("message",),
    "gettext_noop": ("message",),
    "ngettext": ("message", "plural"),
    "ngettext_lazy": ("message", "plural"),
    "pgettext": ("context", "message"),
    "pgettext_lazy": ("context", "message"),
    "npgettext": ("context", "message", "plural"),
}
_CALL = re.compile(r"\b(gettext|ngettext|pgettext|npgettext|_)\((u?['\"].*?)\)\s", re.DOTALL)


def messages() -> set[Message]:
    found: set[Message] = set()
    for path in (PROJECT / "templates").rglob("*.*"):
        found.update(_of_template(path))
    for folder in ("tags", "tagsite"):
        for path in (PROJECT / folder).rglob("*.py"):
            found.update(_of_python(path.read_text()))
    return found


def _of_template(path: Path) -> Iterator[Message]:
    """Django writes a template as calls in the middle of noise."""
    for name, arguments in _CALL.findall(templatize(path.read_text(), origin=str(path)) + " "):
        yield from _of_python(f"{name}({arguments})")


def _of_python(source: str) -> Iterator[Message]:
    tree = ast.parse(source)
    names = {"_": "gettext", **{name: name for name in _SHAPES}}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            names.update({alias.asname or alias.name: alias.name for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            shape = _SHAPES.get(names.get(_called(node), ""))
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if shape and len(texts) >= len(shape):
                parts = dict(zip(shape, texts, strict=False))
                yield parts.get("context"), parts["message"], parts.get("plural")


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")

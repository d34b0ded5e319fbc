"""JSON as people type it into a form: read without loss, refused with line and column, written to be read."""

import json
import re
from decimal import Decimal
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from tags.db import exact_json

LONGEST = 2**20  # characters
_DEEPEST = 32
# As the API's: what every client can read (tags/api/parsers.py).
_MAX_EXPONENT = 308
_MAX_DIGITS = 400
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class NotJSON(ValueError):
    """`message` is for the person who typed it; `line` and `column` count from 1, or are None."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        where = {"line": self.line, "column": self.column}
        return _("Line %(line)s, column %(column)s: ") % where + self.message


def read(text: str) -> Any:
    """Raises NotJSON."""
    if len(text) > LONGEST:
        raise NotJSON(_("This is longer than %(longest)s characters; send it over the API.") % {"longest": LONGEST})
    # Browsers send CRLF; lines and columns are to be those that the person sees.
    text = text.replace("\r\n", "\n")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise NotJSON(_("From here on it is not JSON."), error.lineno, error.colno) from None
    except RecursionError:
        raise _too_deep() from None
    _check(value, 0)
    return value


def pretty(value: Any) -> str:
    """Two spaces for each level; every digit of every number."""
    return msgspec.json.format(exact_json.dumps(value), indent=2)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJSON(_("The name “%(name)s” is there twice in one object.") % {"name": twice[:100]})
    return members


def _number(text: str) -> int | Decimal:
    number = Decimal(text) if len(text) <= _MAX_DIGITS else None
    if number is None or (number and abs(number.adjusted()) > _MAX_EXPONENT):
        raise _too_large(text)
    return exact_json.exact_number(number)


def _integer(text: str) -> int:
    if len(text) > _MAX_EXPONENT:
        raise _too_large(text)
    return int(text)


def _constant(name: str) -> Any:
    raise NotJSON(_("%(name)s is no JSON value.") % {"name": name})


def _too_large(text: str) -> NotJSON:
    return NotJSON(_("The number %(number)s… is out of range.") % {"number": text[:30]})


def _too_deep() -> NotJSON:
    return NotJSON(_("This is nested deeper than %(deepest)s levels.") % {"deepest": _DEEPEST})


def _check(value: Any, depth: int) -> None:
    """What PostgreSQL could not keep, or the API would not take."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise NotJSON(_("A text must not hold a NUL character or half of a surrogate pair."))
    elif isinstance(value, dict | list):
        if depth == _DEEPEST:
            raise _too_deep()
        if isinstance(value, dict):
            for name in value:
                _check(name, depth)
        for member in value.values() if isinstance(value, dict) else value:
            _check(member, depth + 1)

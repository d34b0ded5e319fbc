"""Values inside OTLP spans as JSON that PostgreSQL stores and every client reads: bounded, exact, without NUL."""

import base64
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tags.db.exact_json import exact_number

MAX_DEPTH = 16  # levels of lists and objects in one attribute
MAX_TEXT = 256 * 1024  # characters
CUT = "…"  # stands where something was cut off

# As at the API's door: the magnitude of a double, and what PostgreSQL can hold in a text.
_MAX_EXPONENT = 308
_MAX_DIGITS = 400
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _TooDeep(Exception):
    pass


def text(value: str) -> str:
    """A text, cut if it is too long; a NUL or a lone surrogate, which PostgreSQL refuses, becomes U+FFFD."""
    if len(value) > MAX_TEXT:
        value = value[: MAX_TEXT - 1] + CUT
    return _UNSTORABLE.sub("\ufffd", value) if _UNSTORABLE.search(value) else value


def number(value: float) -> int | Decimal | str:
    """A double by its shortest decimal; JSON has no NaN and no infinity, so those are texts, spelled as OTLP does."""
    if math.isfinite(value):
        return exact_number(repr(value))
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def from_bytes(value: bytes) -> str:
    return text(base64.b64encode(value).decode())


def parsed(value: Any) -> Any:
    """What a text of a JSON object or array writes out, with exact numbers; any other value as it is.

    JSON that nests too deep stays the text it was: nothing of it is lost. A number beyond a double becomes a text.
    """
    if not isinstance(value, str) or not _looks_like_json(value):
        return value
    try:
        document = json.loads(value, parse_float=_exact, parse_int=_integer, parse_constant=str)
        return _storable(document, MAX_DEPTH, _refuse)
    except (ValueError, RecursionError, _TooDeep):
        return value


def storable(value: Any) -> Any:
    """Any JSON value, cut where it nests far deeper than a span does."""
    return _storable(value, 4 * MAX_DEPTH, lambda: CUT)


def _looks_like_json(value: str) -> bool:
    trimmed = value.strip()
    return trimmed[:1] + trimmed[-1:] in ("{}", "[]")


def _exact(digits: str) -> int | Decimal | str:
    value = Decimal(digits) if len(digits) <= _MAX_DIGITS else None
    if value is None or (value and abs(value.adjusted()) > _MAX_EXPONENT):
        return digits
    return exact_number(value)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_EXPONENT else digits


def _refuse() -> Any:
    raise _TooDeep


def _storable(value: Any, levels: int, deeper: Callable[[], Any]) -> Any:
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is float:
        return number(value)
    if kind is not dict and kind is not list:
        return value
    if levels == 0:
        return deeper()
    if kind is list:
        return [_storable(member, levels - 1, deeper) for member in value]
    return {text(key): _storable(member, levels - 1, deeper) for key, member in value.items()}

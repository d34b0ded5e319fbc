"""Reading a field of what a producer sent: its value, of the type it must have, or Rejected with its place.

Places are constant texts such as `run.facets.parent`: the messages name them, never what stood there.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import msgspec

from tags.ingest.errors import Rejected

MAX_DEPTH = 32
# No try, index or clearing counts so far; ranks and integer columns have room for it.
MAX_COUNT = 1_000_000

JSONObject = dict[str, Any]

# UUID() and fromisoformat() take more than RFC 9562 and RFC 3339 mean: braces, week dates, offsets with seconds.
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
).fullmatch
_NUL = re.compile("\x00").search
_encode = msgspec.json.Encoder().encode


def required_object(holder: JSONObject, name: str, place: str) -> JSONObject:
    value = holder.get(name)
    if type(value) is not dict:
        _refuse(value, place, "an object")
    return value


def optional_object(holder: JSONObject, name: str, place: str) -> JSONObject:
    """Empty if it is absent or null, which some producers write for it."""
    value = holder.get(name)
    return {} if value is None else required_object(holder, name, place)


def optional_list(holder: JSONObject, name: str, place: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if type(value) is not list:
        _refuse(value, place, "a list")
    return value


def required_text(holder: JSONObject, name: str, place: str) -> str:
    value = holder.get(name)
    if type(value) is not str:
        _refuse(value, place, "a text")
    return value


def optional_text(holder: JSONObject, name: str, place: str) -> str | None:
    return None if holder.get(name) is None else required_text(holder, name, place)


def required_uuid(holder: JSONObject, name: str, place: str) -> UUID:
    text = required_text(holder, name, place)
    if not _UUID(text):
        raise Rejected("not_a_uuid", f"{place} must be a UUID")
    return UUID(text)


def required_time(holder: JSONObject, name: str, place: str) -> datetime:
    """The time in UTC, which is also what a time without an offset is taken for."""
    text = required_text(holder, name, place).upper()
    if not _TIME(text):
        raise Rejected("not_a_time", f"{place} must be a time as in RFC 3339")
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected("not_a_time", f"{place} must be a time as in RFC 3339") from error
    # A day's room on both sides, for whoever shows it in another time zone.
    if not 2 <= time.year <= 9998:
        raise Rejected("not_a_time", f"{place} must be in the years 2 to 9998")
    return time


def required_count(holder: JSONObject, name: str, place: str, least: int) -> int:
    value = holder.get(name)
    if type(value) is Decimal and value.is_finite() and -1 <= value <= MAX_COUNT and value == value.to_integral_value():
        value = int(value)
    if type(value) is not int:
        _refuse(value, place, "an integer")
    if not least <= value <= MAX_COUNT:
        raise Rejected("out_of_range", f"{place} must be from {least} to {MAX_COUNT}")
    return value


def check_storable(value: Any) -> None:
    """Reject what is nested absurdly, and texts that PostgreSQL cannot store. Linear; some microseconds for 1 kB."""
    _check_depth(value)
    try:
        encoded = _encode(value)
    except UnicodeEncodeError as error:
        raise Rejected("unstorable_text", "A text holds a lone surrogate, which cannot be stored") from error
    except ValueError as error:
        raise Rejected("out_of_range", "A number has too many digits") from error
    # It may also be a backslash and `u0000` that were meant: rare enough for a slow look.
    if b"\\u0000" in encoded and _holds_nul(value):
        raise Rejected("unstorable_text", "A text holds a NUL character, which cannot be stored")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            member
            for parent in level
            for member in (parent.values() if type(parent) is dict else parent)
            if type(member) is dict or type(member) is list
        ]
        if not level:
            return
    raise Rejected("too_deep", f"Nested deeper than {MAX_DEPTH} levels")


def _holds_nul(value: Any) -> bool:
    if type(value) is dict:
        return any(map(_holds_nul, value)) or any(map(_holds_nul, value.values()))
    if type(value) is list:
        return any(map(_holds_nul, value))
    return type(value) is str and _NUL(value) is not None


def _refuse(value: Any, place: str, what: str) -> NoReturn:
    if value is None:
        raise Rejected("missing", f"{place} is missing")
    raise Rejected("wrong_type", f"{place} must be {what}")

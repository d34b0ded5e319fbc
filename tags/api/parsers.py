"""The door of the API: one reader for every JSON body, which refuses what PostgreSQL or a client could not keep.

RFC 8259 leaves duplicate keys, lone surrogates and huge numbers to the implementation; here each is refused, with its
place named, because another reader of the same data would see something else.
"""

import json
import re
import zlib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from tags.db.exact_json import exact_number
from tags.errors import BadRequest, Invalid, Location, PayloadTooLarge, TagsiteError, UnsupportedMediaType, detail
from tags.ingest.intake import check_count

MAX_DEPTH = 32
# The largest magnitude of a double (IEEE 754), and as far down: what every client can read.
_MAX_EXPONENT = 308
_MAX_DIGITS = 400
_MOST_GZIP_MEMBERS = 16

# The only ways in for what a text column cannot hold: raw control characters are no JSON, surrogates no UTF-8.
_SUSPICIOUS = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _Flaw:
    """Stands in the parsed tree for a value that cannot be accepted, until its place is known."""

    def __init__(self, error: type[TagsiteError], message: str, kind: str) -> None:
        self.error, self.message, self.kind = error, message, kind

    def at(self, place: Location) -> TagsiteError:
        return self.error(self.message, [detail(("body", *place), self.message, self.kind)])


_TOO_DEEP = _Flaw(Invalid, f"Nested deeper than {MAX_DEPTH} levels", "nesting")
_BAD_TEXT = _Flaw(Invalid, "Text must not hold a NUL character or a lone surrogate", "unicode")
_BAD_NUMBER = _Flaw(Invalid, "The number is out of range", "number_range")


def parse_json(body: bytes) -> Any:
    """The JSON value of a request body. Raises BadRequest or Invalid with the place of the first flaw."""
    value = _decode(body)
    look_into_text = _SUSPICIOUS.search(body) is not None
    if look_into_text or not _is_sound([value], 0):
        _refuse_flaws(value, (), look_into_text)
    return value


def parse_items(body: bytes) -> Any:
    """The same, but in place of an array's item with a flaw stands the error: the others can do without it.

    Raises PayloadTooLarge for too many.
    """
    value = _decode(body)
    if not isinstance(value, list):
        return parse_json(body)
    check_count(len(value))
    look_into_text = _SUSPICIOUS.search(body) is not None
    if look_into_text or not _is_sound(value, 1):
        return [_item_or_error(item, index, look_into_text) for index, item in enumerate(value)]
    return value


def _item_or_error(item: Any, index: int, look_into_text: bool) -> Any:
    try:
        _refuse_flaws(item, (index,), look_into_text)
    except TagsiteError as error:
        return error.with_traceback(None)
    return item


def _decode(body: bytes) -> Any:
    """The value, with its flaws in their places; raises for what cannot be read at all."""
    try:
        text = body.decode()
        if text.startswith("\ufeff"):
            raise json.JSONDecodeError("Unexpected byte order mark", text, 0)
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise _Flaw(BadRequest, "The body is not UTF-8", "unicode").at([error.start]) from error
    except json.JSONDecodeError as error:
        raise _Flaw(BadRequest, f"The body is not JSON: {error}", "json_invalid").at([error.pos]) from error
    except RecursionError as error:
        raise _TOO_DEEP.at([]) from error


def _object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    if len(members) < len(pairs):
        return _Flaw(BadRequest, "An object holds the same key twice", "duplicate_key")
    return members


def _number(text: str) -> Any:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _BAD_NUMBER
    if len(text) > _MAX_DIGITS or (number and abs(number.adjusted()) > _MAX_EXPONENT):
        return _BAD_NUMBER
    return exact_number(number)


def _integer(text: str) -> Any:
    return int(text) if len(text) <= _MAX_EXPONENT else _BAD_NUMBER


def _constant(name: str) -> Any:
    return _Flaw(BadRequest, f"{name} is no JSON value", "json_invalid")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
)


def _is_sound(members: Iterable[Any], depth: int) -> bool:
    """Whether no flaw is in it and it is not too deep: the quick look, which knows no places."""
    for member in members:
        kind = type(member)
        if kind is dict or kind is list:
            if depth == MAX_DEPTH or not _is_sound(member.values() if kind is dict else member, depth + 1):
                return False
        elif kind is _Flaw:
            return False
    return True


def _refuse_flaws(value: Any, place: tuple[str | int, ...], look_into_text: bool) -> None:
    """Raise for the first flaw, with its place."""
    if isinstance(value, dict):
        members: Any = value.items()
        if look_into_text and any(_UNSTORABLE.search(key) for key in value):
            raise _BAD_TEXT.at(place)
    elif isinstance(value, list):
        members = enumerate(value)
    elif isinstance(value, _Flaw):
        raise value.at(place)
    else:
        if look_into_text and isinstance(value, str) and _UNSTORABLE.search(value):
            raise _BAD_TEXT.at(place)
        return
    if len(place) >= MAX_DEPTH:
        raise _TOO_DEEP.at(place)
    for name, member in members:
        _refuse_flaws(member, (*place, name), look_into_text)


def read_body(request: Request, stream: IO[bytes], limit: int) -> bytes:
    """Raises PayloadTooLarge, if the length is given before anything is read."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes")
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes")
    return body


def unpacked(request: Request, body: bytes, limit: int) -> bytes:
    """A body that came as gzip (RFC 9110, 8.4.1). Raises PayloadTooLarge, BadRequest or UnsupportedMediaType.

    No more than the limit is ever unpacked: a few bytes can stand for gigabytes.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType(f"The body may come as it is or as gzip, not as {encoding[:40]!r}")
    whole = b""
    try:
        # One, for all known senders; each of many would cost a copy of all that follow.
        for _ in range(_MOST_GZIP_MEMBERS):
            reader = zlib.decompressobj(wbits=31)
            whole += reader.decompress(body, limit + 1 - len(whole))
            if len(whole) > limit:
                raise PayloadTooLarge(f"The unpacked body is larger than {limit} bytes")
            if not reader.eof:
                raise zlib.error("it is cut off")
            body = reader.unused_data
            if not body:
                return whole
        raise zlib.error("it has too many members")
    except zlib.error as error:
        raise BadRequest(f"The body is not gzip: {error}") from None


def check_charset(request: Request) -> None:
    charset = (request._request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"The charset of a JSON body is UTF-8, not {charset[:40]!r}")


class GzipJSONParser(BaseParser):
    """A JSON object, or an array (`parse_items`), also packed by gzip; `max_body` holds for the unpacked body too."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        context = parser_context or {}
        request, limit = context["request"], context["view"].max_body
        check_charset(request)
        value = parse_items(unpacked(request, read_body(request, stream, limit), limit))
        if not isinstance(value, dict | list) or value == []:
            message = "The body must be a JSON object or an array of them"
            raise BadRequest(message, [detail(("body",), message, "object_type")])
        return value


class StrictJSONParser(BaseParser):
    """Reads at most the view's `max_body` bytes, and refuses a longer body before it is read."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        context = parser_context or {}
        limit = getattr(context["view"], "max_body", settings.MAX_BODY_TASK_TAGS)
        request = context["request"]
        check_charset(request)
        value = parse_json(read_body(request, stream, limit))
        if not isinstance(value, dict):
            raise BadRequest("The body must be a JSON object", [detail(("body",), "not an object", "object_type")])
        return value

"""JSON without loss: numbers keep their exact decimal value from the request to the JSONB column and back.

Python's own reader rounds 0.1000000000000000055 to a double; the contract says that two metadata values are the same if
they are the same JSON value. So a number is read as an integer when it is one (1.0 and 1e2 too), else as a normalized
Decimal otherwise: equal numbers then have equal texts.
"""

import hashlib
import json
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

import msgspec
from django.db import models

_COMPACT = msgspec.json.Encoder(decimal_format="number")
_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="sorted")

# Python's usual context would round to 28 digits; no number that is let in has as many as this.
_EXACT = Context(prec=2000, Emax=MAX_EMAX, Emin=MIN_EMIN)


def exact_number(text: str | Decimal) -> int | Decimal:
    """The exact value of a JSON number that is written with a fraction or an exponent."""
    number = Decimal(text)
    if not number:
        return 0
    return int(number) if number == number.to_integral_value() else number.normalize(_EXACT)


def loads(text: str | bytes) -> Any:
    return json.loads(text, parse_float=exact_number)


def dumps(value: Any) -> str:
    return _COMPACT.encode(value).decode()


def canonical(value: Any) -> bytes:
    """The one canonical form of a JSON value: sorted keys, no white space, shortest exact numbers (docs/seal.md)."""
    return _CANONICAL.encode(value)


def canonical_digest(value: Any) -> bytes:
    """SHA-256 over the canonical form.

    Equal JSON values have equal digests, whatever their key order and number notation: it is the identity of
    `tag_metadata`, in memory and in the unique index alike.
    """
    return hashlib.sha256(_CANONICAL.encode(value)).digest()


class _Encoder(json.JSONEncoder):
    def encode(self, o: Any) -> str:
        return dumps(o)


class _Decoder(json.JSONDecoder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, parse_float=exact_number)


class ExactJSONField(models.JSONField):
    """A JSONB column read and written without rounding its numbers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "encoder": _Encoder, "decoder": _Decoder})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {key: value for key, value in options.items() if key not in ("encoder", "decoder")}

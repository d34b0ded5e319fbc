"""What a review rule may be."""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from tags.actions.expressions import BadExpression, check_expression
from tags.db import exact_json
from tags.errors import Detail, Invalid, detail
from tags.models import ProcessingStatus
from tags.models.execution import FLOW_NAME_LENGTH, TASK_NAME_LENGTH
from tags.models.rule import EXPRESSION_LENGTH, RULE_NAME_LENGTH
from tags.models.tag import TAG_LENGTH, TAG_TYPE_LENGTH

MAX_TAGS = 10
# As in requests of the API (tags/api/parsers.py).
_MAX_DEPTH = 32
_LARGEST_TAGS = 64 * 2**10
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# Where in the field, and what is wrong there.
_Flaw = tuple[tuple[str | int, ...], str]


def check_rule(fields: Mapping[str, Any]) -> None:
    """Raises Invalid, whose details name every flaw of the given fields, such as ["body", "tags", 0, "tag"]."""
    details: list[Detail] = []
    for name, flaws in _FLAWS.items():
        if name in fields:
            details += [detail(("body", name, *place), message, "rule") for place, message in flaws(fields[name])]
    if details:
        raise Invalid(details[0]["msg"], details)


def _of_text(shortest: int, longest: int) -> Callable[[Any], Iterator[_Flaw]]:
    bounds = {"shortest": shortest, "longest": longest}

    def flaws(value: Any) -> Iterator[_Flaw]:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            yield (), gettext("must be a text of %(shortest)d to %(longest)d characters") % bounds
        elif _UNSTORABLE.search(value):
            yield (), gettext("must not hold a NUL character or a lone surrogate")

    return flaws


def _of_statuses(value: Any) -> Iterator[_Flaw]:
    if not isinstance(value, list):
        yield (), gettext("must be a list")
    elif unknown := [status for status in value if status not in ProcessingStatus.values]:
        yield (), gettext("“%s” is no status of a task execution") % unknown[0]


def _of_expression(value: Any) -> Iterator[_Flaw]:
    flawed = False
    for flaw in _of_text(0, EXPRESSION_LENGTH)(value):
        flawed = True
        yield flaw
    if value and not flawed:
        try:
            check_expression(value)
        except BadExpression as error:
            yield (), str(error)


def _of_sampling_rate(value: Any) -> Iterator[_Flaw]:
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= 1 or round(value, 6) != value:
        yield (), gettext("must be a number from 0 to 1 with at most six decimals")


def _of_tags(value: Any) -> Iterator[_Flaw]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TAGS:
        yield (), gettext("must be a list of 1 to %d tags") % MAX_TAGS
        return
    for index, tag in enumerate(value):
        for place, message in _of_tag(tag):
            yield (index, *place), message


def _of_tag(tag: Any) -> Iterator[_Flaw]:
    if not isinstance(tag, dict):
        yield (), gettext('must be an object such as {"tag": "…", "tag_type": "…"}')
        return
    for name in tag.keys() - {"tag", "tag_type", "tag_metadata"}:
        yield (), gettext("must hold tag, tag_type and tag_metadata alone, not “%s”") % name[:50]
    for name, longest in (("tag", TAG_LENGTH), ("tag_type", TAG_TYPE_LENGTH)):
        for place, message in _of_text(1, longest)(tag.get(name)):
            yield (name, *place), message
    for message in _flaws_of_json(tag.get("tag_metadata")):
        yield ("tag_metadata",), message


def _flaws_of_json(value: Any) -> Iterator[str]:
    if _is_deeper(value, _MAX_DEPTH):
        yield gettext("must not be nested deeper than %d levels") % _MAX_DEPTH
    elif any(map(_UNSTORABLE.search, _texts(value))):
        yield gettext("must not hold a NUL character or a lone surrogate")
    elif len(exact_json.dumps(value)) > _LARGEST_TAGS:
        yield gettext("must not be larger than %d KiB") % (_LARGEST_TAGS // 2**10)


def _members(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth + 1):
        level = [member for parent in level for member in _members(parent)]
    return bool(level)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        yield from value
    for member in _members(value):
        yield from _texts(member)


_FLAWS: dict[str, Callable[[Any], Iterator[_Flaw]]] = {
    "name": _of_text(1, RULE_NAME_LENGTH),
    "flow_pattern": _of_text(0, FLOW_NAME_LENGTH),
    "task_pattern": _of_text(0, TASK_NAME_LENGTH),
    "statuses": _of_statuses,
    "expression": _of_expression,
    "sampling_rate": _of_sampling_rate,
    "tags": _of_tags,
}

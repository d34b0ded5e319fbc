"""From untyped input to typed values, with the contract's two kinds of refusal."""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeVar, get_origin

from django.http import QueryDict
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from tags.errors import BadRequest, Detail, Invalid, TagsiteError, detail
from tags.models.execution import TASK_NAME_LENGTH
from tags.models.tag import TAG_LENGTH, TAG_TYPE_LENGTH

Shape = TypeVar("Shape", bound="Wire")

# What the contract calls "not understood" (400); every other flaw is a value out of bounds (422).
_NOT_UNDERSTOOD = ("missing", "literal_error", "uuid_type", "uuid_parsing", "uuid_version")


_BARE_OFFSET = re.compile(r" (\d\d:?\d\d)$")


def _time_text(value: Any) -> Any:
    """A time comes as text; a `+` that a query string turned into a space is a `+` again."""
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "Input should be a time in ISO 8601")
    return _BARE_OFFSET.sub(r"+\1", value)


def _in_utc(time: datetime) -> datetime:
    """Without an offset it is UTC. Years at the edges are refused: they would leave the range in another time zone."""
    if not 1 < time.year < 9999:
        raise PydanticCustomError("datetime_range", "The year must be from 2 to 9998")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Time = Annotated[datetime, BeforeValidator(_time_text), AfterValidator(_in_utc)]
TaskName = Annotated[str, Field(min_length=1, max_length=TASK_NAME_LENGTH)]
TagName = Annotated[str, Field(min_length=1, max_length=TAG_LENGTH)]
TagType = Annotated[str, Field(min_length=1, max_length=TAG_TYPE_LENGTH)]
TagFilter = Annotated[str, Field(min_length=1, max_length=TAG_TYPE_LENGTH + 1 + TAG_LENGTH)]
"""`tag` or `tag_type:tag`"""


class Wire(BaseModel):
    """A request's shape. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def validated(shape: type[Shape], value: Any, place: str = "body") -> Shape:
    """Raises BadRequest or Invalid; the details name every flaw."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise _refusal(error, place) from None


def validated_query(shape: type[Shape], query: QueryDict) -> Shape:
    """The query string; a parameter counts as a list where the shape says so, else its last value counts."""
    values: dict[str, Any] = {
        name: query.getlist(name) if is_list else query[name] for name, is_list in _fields(shape) if name in query
    }
    for name, value in values.items():
        if "\x00" in "".join(value):
            raise Invalid("Text must not hold a NUL character", [detail(("query", name), "NUL character", "unicode")])
    return validated(shape, values, "query")


@cache
def _fields(shape: type[Wire]) -> list[tuple[str, bool]]:
    """The names on the wire, and whether each is a list."""
    return [(field.alias or name, get_origin(field.annotation) is list) for name, field in shape.model_fields.items()]


def _refusal(error: ValidationError, place: str) -> TagsiteError:
    flaws = error.errors(include_url=False, include_context=False, include_input=False)
    details: list[Detail] = [detail((place, *flaw["loc"]), flaw["msg"], flaw["type"]) for flaw in flaws]
    kind = BadRequest if any(flaw["type"] in _NOT_UNDERSTOOD for flaw in flaws) else Invalid
    return kind(_summary(details), details)


def _summary(details: list[Detail]) -> str:
    first = details[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

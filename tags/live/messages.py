"""What a client says on a socket, and the codes with which the server ends it."""

import json
from enum import IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from tags.events.reading import EventTypeName, Selection
from tags.models.execution import TASK_NAME_LENGTH


class CloseCode(IntEnum):
    BAD_FRAME = 4400
    NOT_AUTHENTICATED = 4401
    FORBIDDEN = 4403
    ENDED = 4410
    TOO_SLOW = 4429
    TRY_AGAIN = 1013


class Subscribe(BaseModel):
    type: Literal["subscribe"]
    subscription: Annotated[str, Field(max_length=64)] = ""
    after: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] | None = None
    flow_execution_id: UUID | None = None
    task_name: Annotated[str, Field(max_length=500)] | None = None
    types: Annotated[list[EventTypeName], Field(min_length=1, max_length=20)] | None = None
    tag_type: Annotated[str, Field(max_length=100)] | None = None

    def selection(self) -> Selection:
        types = None if self.types is None else frozenset(item.value for item in self.types)
        execution = None if self.flow_execution_id is None else str(self.flow_execution_id)
        return Selection(execution, self.task_name, types, self.tag_type)


class Unsubscribe(BaseModel):
    type: Literal["unsubscribe"]
    subscription: Annotated[str, Field(max_length=64)] = ""


class Heartbeat(BaseModel):
    type: Literal["heartbeat"]


class Authenticate(BaseModel):
    """The first message of a socket whose handshake carried no credential."""

    type: Literal["authenticate"]
    ticket: Annotated[str, Field(max_length=200)]


class Present(BaseModel):
    """A person has this task open; said again every few seconds for as long as that is so."""

    type: Literal["present"]
    flow_execution_id: UUID
    task_name: Annotated[str, Field(min_length=1, max_length=TASK_NAME_LENGTH)]


class Absent(BaseModel):
    type: Literal["absent"]


class WatchPresence(BaseModel):
    """To hear of all tasks that people have open."""

    type: Literal["watch_presence"]


OfPresence = Present | Absent | WatchPresence
Message = Subscribe | Unsubscribe | Heartbeat | Authenticate | Present | Absent | WatchPresence
_message: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def object_of(frame: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON object that a frame holds, or None."""
    try:
        content = json.loads(frame.get("text") or "")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def message_of(content: dict[str, Any] | None) -> Message:
    """Raises pydantic's ValidationError; `flaws` tells of it without repeating what was sent."""
    return _message.validate_python(content)


def flaws(error: ValidationError) -> list[dict[str, Any]]:
    return [
        {"loc": list(item["loc"]), "msg": item["msg"], "type": item["type"]}
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]

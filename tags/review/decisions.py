"""What the desk's pages send when somebody decides; JSON both ways, errors in the API's form."""

from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tags.actions import decisions
from tags.actions.batch import Operation, OperationKind
from tags.actions.credentials import Caller
from tags.db import exact_json
from tags.errors import BadRequest, detail
from tags.models import DecisionKind, Permission
from tags.models.execution import TASK_NAME_LENGTH
from tags.models.tag import TAG_LENGTH, TAG_TYPE_LENGTH
from tags.review.access import page_of

_LARGEST_BODY = 2**20

Shape = TypeVar("Shape", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=TASK_NAME_LENGTH, pattern=r"^[^\x00]*$")]

TagName = Annotated[str, Field(min_length=1, max_length=TAG_LENGTH, pattern=r"^[^\x00]*$")]
TagType = Annotated[str, Field(min_length=1, max_length=TAG_TYPE_LENGTH, pattern=r"^[^\x00]*$")]


class TaskRef(BaseModel):
    flow_execution_id: UUID
    task_name: Name


class NewDecision(BaseModel):
    model_config = ConfigDict(extra="ignore")

    kind: Literal["approve", "reject", "flag"]
    tasks: list[TaskRef] = Field(min_length=1, max_length=decisions.MOST_TASKS)
    note: str = ""
    # Chosen by the page when one press of a button makes several requests.
    group_id: UUID | None = None


class TagChange(TaskRef):
    operation: OperationKind
    tag: TagName
    tag_type: TagType
    tag_metadata: Any = None


class NewTagChanges(BaseModel):
    operations: list[TagChange] = Field(min_length=1, max_length=decisions.MOST_TASKS)
    group_id: UUID | None = None


@require_POST
@page_of(Permission.TAG)
def decide(request: HttpRequest, caller: Caller) -> JsonResponse:
    wanted = read(NewDecision, request)
    tasks = [(task.flow_execution_id, task.task_name) for task in wanted.tasks]
    return _answer(decisions.decide(caller, DecisionKind(wanted.kind), tasks, wanted.note, wanted.group_id))


@require_POST
@page_of(Permission.TAG)
def change_tags(request: HttpRequest, caller: Caller) -> JsonResponse:
    wanted = read(NewTagChanges, request)
    operations = [
        Operation(
            change.operation,
            change.flow_execution_id,
            change.task_name,
            change.tag,
            change.tag_type,
            change.tag_metadata,
        )
        for change in wanted.operations
    ]
    return _answer(decisions.change_tags(caller, operations, group_id=wanted.group_id))


@require_POST
@page_of(Permission.TAG)
def undo(request: HttpRequest, caller: Caller, group_id: UUID) -> JsonResponse:
    return _answer(decisions.undo(caller, group_id))


def _answer(decided: decisions.Decided) -> JsonResponse:
    return JsonResponse({"group_id": str(decided.group_id), "changed": len(decided.changed)})


def read(shape: type[Shape], request: HttpRequest) -> Shape:
    """Raises BadRequest; the details name every flaw."""
    try:
        body = request.read(_LARGEST_BODY + 1)
        if len(body) > _LARGEST_BODY:
            raise BadRequest(f"The request is larger than {_LARGEST_BODY} bytes")
        return shape.model_validate(exact_json.loads(body))
    except ValidationError as error:
        flaws = error.errors(include_url=False, include_context=False, include_input=False)
        details = [detail(("body", *flaw["loc"]), flaw["msg"], flaw["type"]) for flaw in flaws]
        raise BadRequest(f"{'.'.join(map(str, details[0]['loc']))}: {details[0]['msg']}", details) from None
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON") from error

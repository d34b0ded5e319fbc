"""Which attributes of a span hold what a reviewer reads, by the semantic conventions and by the producers' own names.

What no table here knows is handed on whole, so that nothing is lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from tags.ingest.otlp_spans import Attributes, Span
from tags.ingest.otlp_values import parsed

# Under which name a reviewer reads it, and the attributes that hold it; the first that is there counts.
_Table = Mapping[str, tuple[str, ...]]

_INPUT: _Table = {
    "instructions": ("gen_ai.system_instructions",),
    "prompt": ("ai.prompt",),
    "messages": ("gen_ai.input.messages", "ai.prompt.messages", "pydantic_ai.all_messages"),
    "arguments": ("gen_ai.tool.call.arguments", "tool_arguments", "ai.toolCall.args"),
    "value": ("input.value", "gen_ai.task.input", "traceloop.entity.input"),
}
_OUTPUT: _Table = {
    "messages": ("gen_ai.output.messages",),
    "result": ("gen_ai.tool.call.result", "tool_response", "ai.toolCall.result", "final_result"),
    "text": ("ai.response.text",),
    "object": ("ai.response.object",),
    "tool_calls": ("ai.response.toolCalls",),
    "value": ("output.value", "gen_ai.task.output", "traceloop.entity.output"),
}
_MODEL: _Table = {
    "model": (
        "gen_ai.request.model",
        "llm.model_name",
        "embedding.model_name",
        "ai.model.id",
        "model_name",
        "traceloop.association.properties.ls_model_name",
    )
}
_TOKENS: _Table = {
    "input": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.aggregated_usage.input_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    "output": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.aggregated_usage.output_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "total": (
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
        "ai.usage.totalTokens",
    ),
}
_SESSION: _Table = {
    "id": (
        "gen_ai.conversation.id",
        "session.id",
        "ai.telemetry.metadata.sessionId",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.thread_id",
        "airflow.dag_run.run_id",
    ),
    "user": (
        "user.id",
        "enduser.id",
        "ai.telemetry.metadata.userId",
        "traceloop.association.properties.user_id",
    ),
}
_HTTP_INPUT: _Table = {
    "method": ("http.request.method", "http.method"),
    "route": ("http.route",),
    "url": ("url.full", "http.url"),
    "path": ("url.path", "http.target"),
    "query": ("url.query",),
}
_HTTP_OUTPUT: _Table = {"status_code": ("http.response.status_code", "http.status_code")}


@dataclass(frozen=True, slots=True)
class Read:
    """A span's attributes by what they are."""

    input: Attributes
    output: Attributes
    session: Attributes
    rest: Attributes

    @classmethod
    def of(cls, span: Span) -> "Read":
        rest = dict(span.attributes)
        contents = _contents(rest, _INPUT)
        input = {**contents, **_pick(rest, _MODEL, _is_model), **under("http", _pick(rest, _HTTP_INPUT))}
        tokens = _pick(rest, _TOKENS, is_count)
        if "total" not in tokens and len(tokens) == 2:
            tokens["total"] = tokens["input"] + tokens["output"]
        output = {
            **_contents(rest, _OUTPUT),
            **under("tokens", tokens),
            **under("http", _pick(rest, _HTTP_OUTPUT)),
        }
        session = _pick(rest, _SESSION, _is_identity)
        return cls(input, output, session, {name: parsed(value) for name, value in rest.items()})


def _contents(rest: Attributes, table: _Table) -> Attributes:
    """The texts worth reading, out of `rest`; what a producer says under several names is said once."""
    found: Attributes = {}
    said: list[Any] = []
    for key, names in table.items():
        for name in names:
            value = rest.get(name)
            if value is None:
                continue
            if value in said:
                del rest[name]
            elif key not in found:
                found[key] = parsed(value)
                said.append(rest.pop(name))
    return found


def _pick(rest: Attributes, table: _Table, fits: Callable[[Any], bool] = lambda value: value is not None) -> Attributes:
    """Of each name in the table the first value that fits, out of `rest`."""
    found = {}
    for key, names in table.items():
        for name in names:
            if fits(rest.get(name)):
                found[key] = rest.pop(name)
                break
    return found


def _is_model(value: Any) -> bool:
    return isinstance(value, str) and value not in ("", "unknown")


def is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_identity(value: Any) -> bool:
    return is_count(value) or (isinstance(value, str) and value != "")


def under(name: str, value: Any) -> Attributes:
    return {name: value} if value else {}

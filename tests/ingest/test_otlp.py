"""OTLP as real producers send it: every recorded span, and every trap that the field guide names."""

import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tags.actions.observations import ENDED, RUNNING
from tags.ingest.otlp import counts, observations
from tags.ingest.otlp_wire import JSON, PROTOBUF, decode, kept, to_keep
from tests.ingest.otlp_cases import (
    END,
    PARENT,
    SPAN,
    START,
    TRACE,
    Fold,
    attributes,
    received,
    requests,
    sent,
    span,
    tell,
    to_json,
    told,
    told_by,
    values,
)

RECORDINGS = ["agent", "web", "airflow"]


# What was recorded


@pytest.mark.parametrize(("recording", "spans", "traces"), [("agent", 140, 28), ("web", 27, 9), ("airflow", 202, 16)])
def test_every_recorded_span_is_a_run_of_a_task_and_every_trace_a_flow_execution(
    recording: str, spans: int, traces: int
) -> None:
    fold = Fold.of(received(recording))
    assert (len(received(recording)), len(fold.tasks), len(fold.flow_executions)) == (spans, spans, traces)


@pytest.mark.parametrize(
    ("recording", "tasks", "flow_executions"),
    [
        ("agent", {"completed": 117, "failed": 23}, {"completed": 21, "failed": 6, "running": 1}),
        ("web", {"completed": 22, "failed": 5}, {"completed": 7, "failed": 2}),
        ("airflow", {"completed": 190, "failed": 11, "cancelled": 1}, {"completed": 14, "failed": 2}),
    ],
)
def test_statuses(recording: str, tasks: dict[str, int], flow_executions: dict[str, int]) -> None:
    fold = Fold.of(received(recording))
    assert Counter(record.status for record in fold.tasks.values()) == tasks
    assert Counter(record.status for record in fold.flow_executions.values()) == flow_executions


def test_runs_of_one_agent_are_one_flow() -> None:
    names = Counter(record.flow_name for record in Fold.of(received("agent")).flow_executions.values())
    assert names == {
        "expense_reviewer": 7,  # pydantic-ai, both versions of its attributes
        "contract_reviewer": 7,  # OpenInference and OpenLLMetry
        "create_agent contract_reviewer": 5,
        "RunnableSequence": 4,
        "answer-ticket": 2,
        "expense_batch": 1,
        "classify tickets": 1,
        "support-agent": 1,  # of this trace the root never came
    }


def test_requests_are_one_flow_per_route_and_dag_runs_one_per_dag() -> None:
    names = Counter(record.flow_name for record in Fold.of(received("web")).flow_executions.values())
    assert names == {
        "GET /documents/{id}": 3,
        "POST /documents/{id}/extract": 2,
        "POST /orders/<int:n>/check": 2,
        "GET /orders/<int:n>": 1,
        "GET /nothing": 1,
    }
    dags = Counter(record.flow_name for record in Fold.of(received("airflow")).flow_executions.values())
    assert (dags["invoice_intake"], dags["example_task_group"], len(dags)) == (2, 2, 14)


def test_steps_alone() -> None:
    """Of the web and of Airflow's workers nothing is left but the flow executions."""
    read = {name: [span.read() for span in received(name)] for name in RECORDINGS}
    steps = {name: sum(counts(span, "steps") for span in spans) for name, spans in read.items()}
    assert steps == {"agent": 138, "web": 0, "airflow": 91}
    flows = [len(observations(span, "steps")) for span in received("web")]
    assert flows == [1] * 27


@pytest.mark.parametrize("recording", RECORDINGS)
def test_the_order_of_arrival_and_repetition_change_nothing(recording: str) -> None:
    spans = received(recording)
    expected = Fold.of(spans).state()
    for seed in range(5):
        chance = random.Random(seed)  # noqa: S311
        again = spans + chance.sample(spans, len(spans) // 3)
        chance.shuffle(again)
        assert Fold.of(again).state() == expected


@pytest.mark.parametrize("recording", RECORDINGS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preserving_proto_field_name": True},
        {"use_integers_for_enums": True},
        {"always_print_fields_with_no_presence": True},
    ],
    ids=str,
)
def test_both_encodings_say_the_same(recording: str, options: dict[str, Any]) -> None:
    for body, content_type in requests(recording):
        if content_type == PROTOBUF:
            as_json = json.dumps(to_json(body, **options)).encode()
            expected = [observations(span) for span in decode(body, PROTOBUF)]
            assert [observations(span) for span in decode(as_json, JSON)] == expected


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_span_that_was_set_aside_can_be_tried_again(recording: str) -> None:
    for each in received(recording):
        assert observations(kept(to_keep(each))) == observations(each)


# Producer by producer


def test_pydantic_ai_chat() -> None:
    flow_execution, task = told("agent", "chat scripted-model [6ccaf33b748cafe3]")
    input, output = values(task.input), values(task.output)
    assert input["instructions"] == [
        {"type": "text", "content": "Decide whether the expense may be paid. Use the tools."}
    ]
    assert input["messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Please decide on receipt r-3 ."}]}
    ]
    assert (input["model"], input["session"]) == ("scripted-model", {"id": "conv-a5-r-3"})
    calls = [part for part in output["messages"][0]["parts"] if part["type"] == "tool_call"]
    assert [(call["name"], call["arguments"]) for call in calls] == [
        ("read_receipt", {"receipt_id": "r-3"}),
        ("policy_limit", {"category": "travel"}),
    ]
    assert output["tokens"] == {"input": 56, "output": 17, "total": 73}
    assert values(flow_execution.input)["session.id"] == "conv-a5-r-3"


@pytest.mark.parametrize("span_id", ["7ca6b466d35a8ed5", "140acf82e4a42bc3"], ids=["version 2", "version 5"])
def test_pydantic_ai_tool(span_id: str) -> None:
    """Version 2 calls each tool `running tool`, under attributes of its own."""
    _, task = told("agent", f"execute_tool read_receipt [{span_id}]")
    assert values(task.input)["arguments"] == {"receipt_id": "r-1"}
    assert values(task.output)["result"] == {
        "receipt_id": "r-1",
        "vendor": "Alpine Rail",
        "amount": Decimal("84.2"),
        "currency": "CHF",
        "date": "2026-11-19",
    }
    assert task.error is None


@pytest.mark.parametrize("span_id", ["041146a00d531e1c", "802d5fe357812b1d"], ids=["version 2", "version 5"])
def test_pydantic_ai_root(span_id: str) -> None:
    flow_execution, task = told("agent", f"invoke_agent expense_reviewer [{span_id}]")
    assert values(task.output) == {
        "result": {"approve": True, "reason": "within the travel limit", "amount": Decimal("84.2")},
        "tokens": {"input": 128, "output": 46, "total": 174},
    }
    assert (flow_execution.flow_name.value, flow_execution.flow_name.rank) == ("expense_reviewer", 2)
    of_flow = values(flow_execution.input)
    assert of_flow["input"]["messages"][0]["parts"][0]["content"] == "Please decide on receipt r-1 ."
    assert of_flow["resource"]["service.name"] == "expense-agent"


def test_openinference_model() -> None:
    _, task = told("agent", "Scripted [7308a268be99b471]")
    input, output = values(task.input), values(task.output)
    assert [message["kwargs"]["content"] for message in input["value"]["messages"][0]] == [
        "You review contracts.",
        "May we leave contract C-100?",
    ]
    assert (input["model"], input["session"]) == ("scripted-chat-1", {"id": "thread-a-0", "user": "u-7"})
    assert output["value"]["generations"][0][0]["message"]["kwargs"]["tool_calls"][0]["name"] == "find_clause"
    assert output["tokens"] == {"input": 182, "output": 21, "total": 203}


def test_openinference_tool() -> None:
    _, task = told("agent", "find_clause [963f9f1506967c09]")
    assert values(task.input)["value"] == {"contract_id": "C-100", "topic": "termination"}
    content = "Section 7.2 of C-100: either party may terminate with 30 days' notice."
    assert values(task.output)["value"]["data"]["content"] == content


def test_openllmetry_model() -> None:
    _, task = told("agent", "Scripted.chat [ee4200a3e431f310]")
    input, output = values(task.input), values(task.output)
    question = [{"role": "user", "parts": [{"type": "text", "content": "May we leave contract C-100?"}]}]
    assert (input["messages"], input["session"]) == (question, {"id": "thread-a-0"})
    assert output["messages"][0]["parts"][0]["name"] == "find_clause"
    assert output["tokens"] == {"input": 182, "output": 21, "total": 203}


def test_openllmetry_does_not_know_the_model_but_langchain_does() -> None:
    _, task = told("agent", "Scripted.chat [ee4200a3e431f310]")
    input = values(task.input)
    assert (input["model"], input["attributes"]["gen_ai.request.model"]) == ("scripted-chat-1", "unknown")


def test_openllmetry_says_everything_twice_and_it_is_kept_once() -> None:
    _, task = told("agent", "execute_task model [49994d639a6de58e]")
    assert set(values(task.input)["value"]) >= {"inputs", "tags", "metadata"}
    assert set(values(task.output)) == {"value"}
    assert not {"traceloop.entity.input", "gen_ai.task.input"} & set(values(task.input)["attributes"])


def test_vercel_tool() -> None:
    _, task = told("agent", f"ai.toolCall findOrder [{SPAN}]")
    input = values(task.input)
    assert input["arguments"] == {"ticket": "T-1"}
    assert input["session"] == {"id": "session-a", "user": "u-11"}
    assert values(task.output) == {"result": {"order": "O-T-1", "state": "shipped"}}


def test_vercel_model() -> None:
    _, task = told("agent", "ai.generateText.doGenerate [18e1eb819553477c]")
    input, output = values(task.input), values(task.output)
    text = {"type": "text", "text": "What happened to ticket T-1?"}
    assert (input["messages"], input["model"]) == ([{"role": "user", "content": [text]}], "scripted-chat-1")
    assert output["tool_calls"] == [{"toolCallId": "call_1", "toolName": "findOrder", "input": '{"ticket":"T-1"}'}]
    assert output["tokens"] == {"input": 131, "output": 17, "total": 148}


def test_vercel_root() -> None:
    flow_execution, task = told("agent", "ai.generateText [93a03e53e89ffa6b]")
    assert flow_execution.flow_name.value == "answer-ticket"
    assert values(task.input)["prompt"] == {"prompt": "What happened to ticket T-1?"}
    assert values(task.output)["text"] == "Ticket T-1: the parcel left on 19 November."


def test_vercel_object() -> None:
    _, task = told("agent", "ai.generateObject [7b9ead99c26c049f]")
    assert values(task.output)["object"] == {"label": "refund", "confidence": Decimal("0.82")}


def test_a_request_that_failed() -> None:
    flow_execution, task = told("web", "POST /documents/{id}/extract [5ccf7ad29c9b2ada]")
    assert values(task.input)["http"] == {
        "method": "POST",
        "route": "/documents/{id}/extract",
        "url": "http://127.0.0.1:8099/documents/2/extract",
        "path": "/documents/2/extract",
    }
    assert values(task.output)["http"] == {"status_code": 500}
    assert task.error is not None
    assert task.error.value["type"] == "ValueError"
    assert task.error.value["message"] == "page 3 of document 2 is not readable"
    assert task.error.value["stackTrace"].startswith("Traceback (most recent call last):\n")
    assert flow_execution.status is not None
    assert (flow_execution.status.value, flow_execution.status.rank) == ("failed", ENDED + 1)


def test_airflow_dag_run() -> None:
    flow_execution, task = told("airflow", "dag_run.invoice_intake [2e1934a506140ff1]")
    run_id = "manual__2026-11-23T21:36:01.103302+00:00"
    assert (flow_execution.flow_name.value, flow_execution.flow_name.rank) == ("invoice_intake", 2)
    assert values(flow_execution.input)["session.id"] == run_id
    assert values(task.input)["session"] == {"id": run_id}
    assert values(task.input)["attributes"]["airflow.dag_run.run_type"] == "manual"


# The traps


def test_children_leave_before_their_parents() -> None:
    """Until the root comes the flow execution runs, under the name of its service."""
    spans = [each for each in received("agent") if each.read().trace_id.hex().startswith("f7be03")]
    fold = Fold.of(spans[:-1])
    (flow_execution,) = fold.flow_executions.values()
    assert (flow_execution.flow_name, flow_execution.status) == ("expense-agent", "running")
    (flow_execution,) = Fold.of(spans).flow_executions.values()
    assert (flow_execution.flow_name, flow_execution.status) == ("expense_reviewer", "completed")


def test_a_root_that_never_comes() -> None:
    """The span where the trace came into a service that is recorded stands for it."""
    flow_execution, _ = told("web", "GET /orders/<int:n> [ef3c144872686b89]")
    status = flow_execution.status
    assert status is not None
    assert (flow_execution.flow_name.value, flow_execution.flow_name.rank) == ("GET /orders/<int:n>", 1)
    assert (status.value, status.rank) == ("completed", ENDED)


def test_airflow_has_one_span_id_for_all_tries() -> None:
    statuses = [told("airflow", "extract_fields[3]", idx)[1].status for idx in range(6)]
    assert [status and status.value for status in statuses] == ["failed"] * 6
    tries = [s.read() for s in received("airflow") if s.read().name == "task_run.extract_fields[3]"]
    assert len({(each.trace_id, each.span_id) for each in tries}) == 2


def test_airflow_a_cleared_dag_run_is_a_new_trace_and_goes_on_counting() -> None:
    ids = [told("airflow", "extract_fields[3]", idx)[0].id for idx in range(6)]
    assert ids[:3] == [UUID("7a681a966f50aff4afc83ea043e20d06")] * 3
    assert ids[3:] == [UUID("a3e5ca916cda97a88a3fcc0e57b7e078")] * 3


def test_airflow_a_skipped_task_is_no_error() -> None:
    flow_execution, task = told("airflow", "this_will_skip")
    assert task.status is not None
    assert (task.status.value, task.error) == ("cancelled", None)
    assert flow_execution.status is not None
    assert flow_execution.status.value == "running"


def test_airflow_a_try_that_is_repeated_has_failed() -> None:
    _, task = told("airflow", "extract_fields[1]")
    assert task.error is not None
    assert task.error.value == {"message": "up_for_retry"}
    _, task = told("airflow", "extract_fields[1]", 1)
    assert (task.status and task.status.value, task.error) == ("completed", None)


def test_airflow_is_not_over_with_a_task_although_its_parent_is_remote() -> None:
    flow_execution, _ = told("airflow", "add_one[0]")
    assert flow_execution.status is not None
    assert (flow_execution.status.value, flow_execution.status.rank) == ("running", RUNNING)
    assert (flow_execution.flow_name.value, flow_execution.flow_name.rank) == ("example_dynamic_task_mapping", 1)


def test_a_tool_that_asks_for_a_retry_fails_inside_a_run_that_succeeds() -> None:
    _, task = told("agent", "execute_tool read_receipt [9077d034f1e22c6a]")
    assert task.error is not None
    assert task.error.value["type"] == "pydantic_ai.exceptions.ToolRetryError"
    assert task.error.value["message"] == "receipt ids are upper case, like R-3"
    flow_execution, _ = told("agent", "invoke_agent expense_reviewer [a9310f1eba04c7a8]")
    assert flow_execution.status is not None
    assert flow_execution.status.value == "completed"


def test_a_tool_that_is_cancelled_with_its_neighbour() -> None:
    _, task = told("agent", "execute_tool policy_limit [2c606969d6c2065c]")
    assert task.error is not None
    assert task.error.value["type"] == "asyncio.exceptions.CancelledError"
    assert task.error.value["message"] == "(no message)"


def test_openinference_puts_the_traceback_into_the_status() -> None:
    """Without the event the message is found all the same."""
    (recorded,) = [s.read() for s in received("agent") if s.read().span_id.hex() == "7602c721153b45a2"]
    status = {"code": 2, "message": recorded.status_message}
    _, task = tell(status=status)
    assert task.error is not None
    assert set(task.error.value) == {"message", "stackTrace"}
    assert task.error.value["message"] == "LookupError('no contract C-404')"
    assert task.error.value["stackTrace"].startswith("Traceback (most recent call last):\n")
    _, task = told("agent", "find_clause [7602c721153b45a2]")
    assert task.error is not None
    assert (task.error.value["type"], task.error.value["message"]) == ("LookupError", "no contract C-404")


def test_three_agent_runs_in_one_trace() -> None:
    flow_execution, _ = told("agent", "expense_batch [540b5e80c1e4b667]")
    spans = [s for s in received("agent") if told_by(s)[0].id == flow_execution.id]
    fold = Fold.of(spans)
    assert len([name for _, name, _ in fold.tasks if name.startswith("invoke_agent expense_reviewer [")]) == 3
    (record,) = fold.flow_executions.values()
    assert (record.flow_name, record.input["session"]) == ("expense_batch", {"id": "session-a", "user": "u-42"})


def test_building_an_agent_is_no_run_of_it() -> None:
    flow_execution, task = told("agent", "create_agent contract_reviewer [15b3789d6bae4a63]")
    assert flow_execution.flow_name.value == "create_agent contract_reviewer"
    assert task.status is not None
    assert task.status.value == "completed"


def test_attributes_may_be_arrays() -> None:
    _, task = told("agent", "find_clause [963f9f1506967c09]")
    assert values(task.input)["attributes"]["tag.tags"] == ["contracts"]


def test_json_of_node() -> None:
    flow_execution, task = told("agent", f"ai.toolCall findOrder [{SPAN}]")
    assert flow_execution.id == UUID(TRACE)
    assert task.started_at is not None
    assert task.started_at.isoformat() == "2026-11-23T21:37:42.527000+00:00"
    assert task.status is not None
    assert task.status.time.isoformat() == "2026-11-23T21:37:42.557925+00:00"
    assert values(task.input)["span"] == {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "name": "ai.toolCall",
        "kind": "internal",
        "links": [],
    }


# What no recording holds


def test_ids_in_capital_letters() -> None:
    (each,) = sent(span(traceId=TRACE.upper(), spanId=SPAN.upper()))
    flow_execution, task = told_by(each)
    assert (flow_execution.id, task.task_name) == (UUID(TRACE), f"step [{SPAN}]")


def test_a_span_that_still_runs_ends_later() -> None:
    _, early = tell(endTimeUnixNano="0")
    _, late = tell()
    assert early.status is not None
    assert (early.status.value, early.status.rank) == ("running", RUNNING)
    for order in ([early, late], [late, early]):
        (record,) = Fold(order).tasks.values()
        assert record.status == "completed"
        assert str(record.completed_at).startswith("2026-11-23T21:37:42.557925")


def test_a_root_that_still_runs_does_not_end_the_flow_execution() -> None:
    flow_execution, _ = tell(parentSpanId="", endTimeUnixNano=0)
    assert flow_execution.status is not None
    assert (flow_execution.status.value, flow_execution.status.rank) == ("running", RUNNING)


@pytest.mark.parametrize("parent", ["", "0" * 16])
def test_no_parent(parent: str) -> None:
    flow_execution, _ = tell(parentSpanId=parent)
    assert (flow_execution.flow_name.value, flow_execution.flow_name.rank) == ("step", 2)


@pytest.mark.parametrize(
    ("fields", "rank"),
    [({}, 0), ({"kind": 2}, 1), ({"kind": 5}, 1), ({"kind": 3}, 0), ({"flags": 0x301}, 1), ({"flags": 0x101}, 0)],
)
def test_where_a_trace_comes_in(fields: dict[str, int], rank: int) -> None:
    assert tell(**fields)[0].flow_name.rank == rank


def test_an_error_event_in_a_span_that_ended_well_is_no_error() -> None:
    exception = {"name": "exception", "timeUnixNano": str(END), "attributes": attributes(exception__message="odd")}
    _, task = tell(events=[exception])
    assert task.error is None
    assert values(task.output)["events"] == [
        {
            "name": "exception",
            "time": "2026-11-23T21:37:42.557925+00:00",
            "attributes": {"exception.message": "odd"},
        }
    ]


def test_the_last_exception_counts() -> None:
    events = [{"name": "exception", "attributes": attributes(exception__message=text)} for text in ("first", "last")]
    _, task = tell(events=events, status={"code": "STATUS_CODE_ERROR"})
    assert task.error is not None
    assert task.error.value == {"message": "last"}
    assert len(values(task.output)["events"]) == 1


def test_a_span_that_ended_before_it_began() -> None:
    """Clocks of two machines; it took no time."""
    _, task = tell(endTimeUnixNano=str(START - 2_000_000))
    assert task.status is not None
    assert task.status.time == task.started_at


def test_json_inside_texts_keeps_its_numbers() -> None:
    _, task = tell(attributes=attributes(input__value='{"amount": 0.1000000000000000055, "n": 9007199254740993}'))
    assert values(task.input)["value"] == {"amount": Decimal("0.1000000000000000055"), "n": 9007199254740993}


@pytest.mark.parametrize("text", ["500.0", '"quoted"', "{not json}", "null", "", "[1", "{}x"])
def test_a_text_that_is_no_object_or_list_stays_a_text(text: str) -> None:
    _, task = tell(attributes=attributes(input__value=text))
    assert values(task.input)["value"] == text


def test_links_scope_and_what_was_dropped() -> None:
    links = [{"traceId": TRACE, "spanId": PARENT, "attributes": attributes(why="retry")}]
    _, task = tell(links=links, droppedAttributesCount=3, traceState="a=1")
    input = values(task.input)
    assert input["span"]["links"] == [{"trace_id": TRACE, "span_id": PARENT, "attributes": {"why": "retry"}}]
    assert (input["span"]["dropped"], input["span"]["trace_state"]) == ({"attributes": 3}, "a=1")
    assert input["scope"] == {"name": "by hand", "version": "1"}


def test_two_calls_of_a_tool_are_two_tasks_even_if_its_name_is_long() -> None:
    names = {tell(name="x" * 300, spanId=id)[1].task_name for id in (SPAN, PARENT)}
    assert len(names) == 2
    assert {len(name) for name in names} == {200}
    assert all(name.endswith(f"… [{id}]") for name, id in zip(sorted(names), sorted((SPAN, PARENT)), strict=True))


@pytest.mark.parametrize("tries", [0, -1, 2**40, "two", True])
def test_airflow_a_try_that_cannot_be(tries: Any) -> None:
    known = {"airflow.dag_id": "d", "airflow.task_id": "t", "airflow.task_instance.try_number": tries}
    _, task = tell(name="task_run.t", attributes=attributes(**known))
    assert (task.task_name, task.idx) == ("t", 0)


@pytest.mark.parametrize(
    ("state", "status"),
    [("deferred", "running"), ("upstream_failed", "cancelled"), ("removed", "cancelled"), ("new state", "failed")],
)
def test_airflow_states(state: str, status: str) -> None:
    known = {"airflow.dag_id": "d", "airflow.task_id": "t", "airflow.task_instance.state": state}
    _, task = tell(name="task_run.t", status={"code": 2}, attributes=attributes(**known))
    assert task.status is not None
    assert task.status.value == status

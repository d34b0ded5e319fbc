"""Numbers at the edge and odd but legal text: taken, and given back with their value."""

import json

import pytest

from tests.api.calls import active_tags
from tests.api.stage import Stage, with_metadata
from tests.cast import operation

# Numbers at the edge


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-0",
        "-0.0",
        "1E+2",
        "1e308",
        "-1e308",
        "1e-308",
        "9" * 308,
        "1.7976931348623157e308",
        "2.2250738585072014e-308",
        "9007199254740993",
        "-9223372036854775809",
        "0.1",
        "1.10",
    ],
)
def test_a_number_at_the_edge_is_taken_and_comes_back_with_its_value(stage: Stage, text: str) -> None:
    from decimal import Decimal

    response = with_metadata(stage, text)
    assert response.status_code == 200, response.content
    listed = stage.apis["program"].get("/api/task-tags", flow_execution_id=str(stage.execution.id)).content
    values = [tag["tag_metadata"] for tag in json.loads(listed, parse_float=Decimal, parse_int=Decimal)]
    assert Decimal(text) in [value for value in values if isinstance(value, Decimal)]


# Odd but legal text

LEGAL = {
    "a combining sequence": "e\u0301\u0327",
    "precomposed": "\u00e9",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "a bidi override": "a\u202eb\u202c",
    "zero width": "a\u200b\u200d\ufeffb",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a flag": "\U0001f1e9\U0001f1ea",
    "the last character": "\U0010ffff",
    "noncharacters": "\ufffe\uffff\U0001fffe",
    "private use": "\ue000\U000f0000",
    "the replacement character": "\ufffd",
    "line separators": "a\u2028b\u2029c\x85d",
    "control characters": "\x01\x02\x07\x08\x0b\x1b\x1f\x7f\x80\x9f",
    "white space": " \t\n\r ",
    "a soft hyphen": "\u00ad",
    "quotes": "\"'`\\/",
    "braces and percents": "{}{{}}%s%(a)s$1",
    "a hundred marks": "z" + "\u0335" * 99,
    "Turkish i": "I\u0131\u0130i",
    "ligatures": "\ufb01\u1e9e",
    "a tag sequence": "\U0001f3f4\U000e0067\U000e007f",
}


@pytest.mark.parametrize("label", LEGAL)
@pytest.mark.parametrize("escaped", [True, False])
def test_odd_but_legal_text_comes_back_unchanged(stage: Stage, label: str, escaped: bool) -> None:
    text = LEGAL[label]
    tenant = stage.tenant
    execution = tenant.execution(text)
    add = operation("add", execution, text, text, tag_metadata={text: [text]})
    body = json.dumps({"tags": [{**add, "tag_type": text[:100]}]}, ensure_ascii=escaped)

    assert stage.send(stage.writes["change_task_tags"], body).json() == {"tags": [{"status": "added"}]}

    (tag,) = active_tags(tenant, execution.id, task_name=text)
    assert (tag["task_name"], tag["tag"], tag["tag_type"]) == (text, text, text[:100])
    assert tag["tag_metadata"] == {text: [text]}
    events = stage.apis["viewer"].get("/api/events", after=_position(stage) - 1).json()["events"]
    assert events[0]["data"]["tag"] == text
    listed = stage.apis["viewer"].get("/api/task-executions", tag=text, tag_type=text[:100]).json()
    assert str(execution.id) in {record["flow_execution_id"] for record in listed["task_executions"]}


def _position(stage: Stage) -> int:
    row = stage.owner.execute("SELECT position FROM event_stream WHERE organization_id = %s", [stage.tenant.id])
    return int((row.fetchone() or [0])[0])


def test_texts_that_look_alike_are_different_tags(stage: Stage) -> None:
    alike = ["\u00e9", "e\u0301", "\ufb01", "fi", "a", "\u0430", "a ", " a"]
    execution = stage.tenant.execution("extract")
    response = stage.apis["program"].tag(*[operation("add", execution, "extract", text) for text in alike])
    assert [entry["status"] for entry in response.json()["tags"]] == ["added"] * len(alike)

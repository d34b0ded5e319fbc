"""Values as pages show them: complete in meaning, bounded in size, and never more than text."""

import base64
import time
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string

from tags.db import exact_json
from tags.review import typed_json
from tags.review.errors_shown import show_error
from tags.review.history import tag_look
from tags.review.values import Shown, at, markdown, path_text, read_path, show
from tests.review import hostile

_HARMLESS_ATTRIBUTES = {"class", "href", "rel", "open", "src", "alt", "scope", "colspan", "tabindex", "role", "title"}
_HARMLESS_ATTRIBUTES |= {"aria-label", "hx-get", "hx-swap", "hx-target", "start"}
_HARMLESS_TAGS = {
    *("div", "span", "details", "summary", "a", "pre", "img", "table", "thead", "tbody", "tr", "th", "td", "p", "ul"),
    *("ol", "li", "h3", "h4", "h5", "h6", "em", "strong", "code", "blockquote", "br", "hr", "s"),
}


class Elements(HTMLParser):
    """What a browser would make of the markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(value: Any, shown: Shown | None = None) -> str:
    context = {"value": shown or show(value), "values_path": "/tasks/x/values/output", "is_top": True}
    return render_to_string("review/value.html", context)


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    parser.close()
    return parser


def assert_harmless(html: str) -> None:
    for tag, attributes in elements(html).found:
        assert tag in _HARMLESS_TAGS, html
        assert set(attributes) <= _HARMLESS_ATTRIBUTES, (tag, attributes)
        if tag == "a":
            href = attributes["href"] or ""
            assert href.startswith(("http://", "https://", "mailto:", "/tasks/x/values/")), href
            assert href.startswith("/") or "nofollow" in (attributes["rel"] or "")
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")


@pytest.mark.parametrize("text", hostile.ALL)
def test_hostile_texts_are_texts_wherever_they_stand(text: str) -> None:
    for value in (text, [text], {text: text}, [{text: text}, {text: text}], {"a": {"b": {"c": [text, {text: 1}]}}}):
        assert_harmless(rendered(value))


@pytest.mark.parametrize("text", hostile.SCRIPTS)
def test_hostile_texts_stay_readable(text: str) -> None:
    assert text in elements(rendered([text])).text


@pytest.mark.parametrize("text", hostile.MARKDOWN)
def test_markdown_is_formatted_and_harmless(text: str) -> None:
    shown = show(text)
    assert shown.kind == "markdown"
    assert_harmless(shown.html)
    assert "<img" not in shown.html


def test_markdown_keeps_its_form() -> None:
    html = markdown("# Report\n\n- **one**\n- [two](https://a.example/?x=1&y=2)\n\n| a | b |\n|--|--|\n| 1 | 2 |\n")
    assert [tag for tag, _ in elements(html).found][:4] == ["h3", "ul", "li", "strong"]
    assert 'href="https://a.example/?x=1&amp;y=2"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize("text", ["plain", "1. one", "a * b * c", "# ", "C:\\path", "2 > 1", "x_y_z", "-", "a|b"])
def test_what_is_no_markdown_stays_as_it_is(text: str) -> None:
    assert show(text).kind == "text"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0.1000000000000000055", "0.1000000000000000055"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1e-400", "1e-400"),
        ("-0.50", "-0.5"),
        ("true", "true"),
        ("null", "null"),
    ],
)
def test_numbers_keep_every_digit(text: str, word: str) -> None:
    shown = show(exact_json.loads(text))
    assert shown.text.lower().replace("e-0", "e-") == word


def test_flat_records_are_a_table() -> None:
    shown = show([{"sku": "a", "price": Decimal("1.5")}, {"sku": "b", "price": 2, "note": None}])
    assert (shown.kind, shown.columns) == ("table", ["sku", "price", "note"])
    assert shown.rows == [
        (0, [("a", False), ("1.5", True), ("", False)]),
        (1, [("b", False), ("2", True), ("null", False)]),
    ]


@pytest.mark.parametrize(
    "records", [[{"a": 1}], [{"a": 1}, 2], [{"a": 1}, {"b": [1]}], [{"a": "x\ny"}, {"a": "z"}], [{}, {}]]
)
def test_other_lists_are_no_tables(records: list[Any]) -> None:
    assert show(records).kind == "list"


def test_an_image_is_shown_and_bounded() -> None:
    picture = "data:image/png;base64," + base64.b64encode(b"\x89PNG" * 10).decode()
    assert f'src="{picture}"' in rendered({"scan": picture})
    large = "data:image/png;base64," + "A" * 3_000_000
    assert len(rendered([large])) < 2_000
    assert len(rendered([picture[:-2] + "A" * 1_500_000] * 20)) < 6_000_000


@pytest.mark.parametrize("text", ["https://a.example/x?y=1#z", "http://127.0.0.1:8099/documents/2"])
def test_an_address_is_a_link_that_is_not_followed_by_itself(text: str) -> None:
    html = rendered([text])
    assert f'href="{text}"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


HUGE: dict[str, Any] = {
    "a long list": list(range(10_000)),
    "a long table": [{"n": n, "name": "x" * 150} for n in range(10_000)],
    "many members": {f"key {n}": {"value": n, "list": [n] * 20} for n in range(10_000)},
    "long names": {"k" * 5_000 + str(n): n for n in range(100)},
    "a long text": "line\n" * 1_000_000,
    "one line": "x" * 5_000_000,
    "long texts": ["y" * 100_000] * 1_000,
    "wide and deep": [[[[[[list(range(10))] * 10] * 10] * 10] * 10] * 10] * 10,
    "long markdown": "# x\n\n" + "**bold** " * 100_000,
    "quotes": ">" * 19_000 + " x\n# y",
    "brackets": "# x\n" + "[" * 19_000,
    "stars": "# x\n" + "*a " * 6_000,
    "ticks": "# x\n" + "`a``" * 4_500,
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_shown_of_huge_values_is_bounded(name: str) -> None:
    started = time.process_time()
    html = rendered(HUGE[name])
    assert time.process_time() - started < 2.5
    assert len(html) < 400_000


def test_depth_is_bounded() -> None:
    value: Any = "bottom"
    for _ in range(200):
        value = {"in": value}
    html = rendered(value)
    assert "bottom" not in html
    assert "Show" in html


def walked(value: Any) -> list[Any]:
    """All members that a reader comes to by showing more and more."""
    found: list[Any] = []
    first = 0
    while True:
        shown = show(value, (), first)
        found += [member.text for _, member in shown.members] or [row[1] for row in shown.rows]
        if not shown.left:
            return found
        assert shown.upto > first
        first = shown.upto


def test_showing_more_leads_to_all_of_a_list() -> None:
    assert walked(list(range(1_234))) == [str(n) for n in range(1_234)]


def test_showing_more_leads_to_all_of_a_table() -> None:
    assert len(walked([{"n": n, "text": "x" * 190} for n in range(500)])) == 500


def test_showing_more_leads_to_all_of_an_object_with_long_members() -> None:
    assert len(walked({f"{n}": "x" * 4_000 for n in range(120)})) == 120


def test_showing_more_leads_to_all_of_a_text() -> None:
    text = "".join(f"line {n}\n" for n in range(3_000))
    first, whole = 0, ""
    while first < len(text):
        shown = show(text, (), first)
        whole += shown.text
        first = shown.upto
    assert whole == text


def test_a_path_leads_to_its_value() -> None:
    value = {"a/b": [{"": {'ü"': 5}}]}
    path = ("a/b", 0, "", 'ü"')
    assert at(value, read_path(path_text(path))) == 5


@pytest.mark.parametrize("path", [("b",), ("a", 5), ("a", -1), ("a", "0"), ("a", 0, "x"), (0,)])
def test_a_path_that_leads_nowhere(path: tuple[Any, ...]) -> None:
    with pytest.raises(LookupError):
        at({"a": [1]}, path)


@pytest.mark.parametrize("text", ["{}", "1", "[[1]]", "[null]", "[true]", "[1.5]", "x", ""])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        read_path(text)


# Errors

PYTHON = """Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/opt/venv/lib/python3.11/site-packages/flask/app.py", line 919, in full
    rv = self.handle(e)
  File "/opt/app/flaskapp.py", line 7, in order
    raise RuntimeError("ledger is locked")
RuntimeError: ledger is locked
"""


def test_the_message_comes_first_and_libraries_are_folded() -> None:
    shown = show_error({"type": "RuntimeError", "message": "ledger is locked", "stackTrace": PYTHON, "code": 5})
    assert shown is not None
    assert (shown.type, shown.message) == ("RuntimeError", "ledger is locked")
    assert [(part.is_library, part.frames) for part in shown.trace] == [(False, 0), (True, 2), (False, 1)]
    assert "\n".join(part.text for part in shown.trace) == PYTHON.strip()
    assert shown.rest is not None
    assert [label for label, _ in shown.rest.members] == ["code"]


def test_a_traceback_that_is_the_message() -> None:
    for error in (PYTHON, {"message": PYTHON}):
        shown = show_error(error)
        assert shown is not None
        assert shown.message == "RuntimeError: ledger is locked"
        assert len(shown.trace) == 3


def test_where_all_is_library_the_last_step_is_shown() -> None:
    trace = "Error: x\n    at a (/app/node_modules/a.js:1:1)\n    at b (node:internal/b:2:2)"
    shown = show_error({"message": "x", "stack": trace})
    assert shown is not None
    assert not shown.trace[-1].is_library


@pytest.mark.parametrize("error", [None, "", {}, []])
def test_no_error(error: Any) -> None:
    assert show_error(error) is None


@pytest.mark.parametrize("error", [5, True, ["a"], {"x": 1}, {"message": 5}, {"type": ["a"]}, {"stackTrace": "x"}])
def test_errors_of_any_shape(error: Any) -> None:
    assert show_error(error) is not None


def test_a_long_traceback_is_bounded() -> None:
    shown = show_error({"message": "m" * 10_000, "stackTrace": PYTHON * 10_000})
    assert shown is not None
    assert shown.is_cut
    assert sum(len(part.text) for part in shown.trace) <= 60_000
    assert len(shown.message) == 2_000


@pytest.mark.parametrize("text", hostile.ALL)
def test_hostile_errors_are_texts(text: str) -> None:
    for error in (text, {"type": text, "message": text, "stackTrace": f"{PYTHON}{text}", text: text}):
        html = render_to_string(
            "review/error.html", {"error": show_error(error), "values_path": "/tasks/x/values/error"}
        )
        tags = {tag for tag, _ in elements(html).found}
        assert tags <= _HARMLESS_TAGS | {"section", "h2"}


# JSON that somebody types


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("", 1, 1), ('{"a": 1,\n "b" 2}', 2, 6), ('{"a": 1,\r\n "b" 2}', 2, 6), ("[1, 2", 1, 6), ("{'a': 1}", 1, 2)],
)
def test_where_the_json_breaks(text: str, line: int, column: int) -> None:
    with pytest.raises(typed_json.NotJSON) as refused:
        typed_json.read(text)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value).startswith(f"Line {line}, column {column}: ")


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "-Infinity",
        '{"a": 1, "a": 2}',
        "1e999",
        "9" * 400,
        '"\\u0000"',
        '{"\\ud800": 1}',
        "[" * 100 + "]" * 100,
        "[" * 100_000,
        '"' + "x" * 2**20 + '"',
    ],
)
def test_what_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(typed_json.NotJSON):
        typed_json.read(text)


@pytest.mark.parametrize("text", ["0.1000000000000000055", "12345678901234567890123", "1e-300", '{"b": [1, "ü"]}'])
def test_typed_json_is_kept_exactly(text: str) -> None:
    value = typed_json.read(text)
    assert exact_json.canonical_digest(typed_json.read(typed_json.pretty(value))) == exact_json.canonical_digest(value)
    assert value == exact_json.loads(text)


def test_the_look_of_a_tag() -> None:
    waiting = ["pending_approval"]
    assert tag_look("pending_approval", "x", waiting) == "waits"
    assert tag_look("approved", "review", waiting) == "approved"
    assert tag_look("approved", "other", waiting) == ""
    assert tag_look('"><script>', "review", waiting) == ""

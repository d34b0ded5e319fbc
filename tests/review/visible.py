"""What of a page a person reads, for finding text that nobody can translate."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.utils import translation

# Messages are wrapped in these by the tests' translation, and data in those by the tests' data.
MESSAGE = "⟦⟧"
DATA = "«»"
# Parts of a page that show data, or keys and commands, which are the same in every language.
_ELEMENTS = {"style", "code", "pre", "kbd", "title", "textarea"}
_CLASSES = {"tag", "name", "type-of-tag"}
_NAMES = {"time_zone"}
_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt"}
_VOID = {"input", "link", "meta", "img", "br", "hr", "rect", "line", "path", "circle", "use", "wbr"}
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_WORDS = re.compile(
    r"\b(Tagsite|API|JSON|CSV|UTC|CET|CEST|OpenLineage|OpenTelemetry|English|Deutsch|Ctrl|ms)\b|\b(admin|reviewer|viewer)-[0-9a-f-]{36}"
    r"|\breview:(approved|rejected)\b"  # of decisions
    r"|\b(worker|integration|review|first|tagsite_[\w-]+)(?!\w)"  # of tests/cast.py
    r"|\b\w+_\w+\b|(\buser:)?[0-9a-f]{8}-[0-9a-f-]{27}|[\w.]+@[\w.]+|\b[0-9A-Z]{26}\b"
)


def put_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the language is English in brackets."""

    def around(translate: Callable[..., str]) -> Callable[..., str]:
        return lambda *arguments: MESSAGE[0] + translate(*arguments) + MESSAGE[1]

    monkeypatch.setattr("tags.review.words.get_language", lambda: "in brackets")
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        monkeypatch.setattr(translation._trans, name, around(getattr(translation._trans, name)))


def data(word: str) -> str:
    return DATA[0] + word + DATA[1]


class Visible(HTMLParser):
    """`texts` are those that are shown or read out, those that scripts will show included."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self._json = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_data = (
            tag in _ELEMENTS or given.get("name") in _NAMES or bool(_CLASSES & set(given.get("class", "").split()))
        )
        if tag not in _VOID:
            self._open.append((tag, is_data))
        if tag == "script":
            self._json = given.get("type", "")
        if not self._is_data() or tag == "textarea":
            for name, value in given.items():
                if name in _ATTRIBUTES or (name.startswith("data-") and re.match(r"[A-Z⟦]", value)):
                    self.texts.append(value)
            if tag == "meta" and given.get("name") == "description":
                self.texts.append(given["content"])

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "script":
            if self._json == "application/json":
                self.texts.extend(text for text in json.loads(data).values() if isinstance(text, str))
        elif not self._is_data():
            self.texts.append(data)

    def _is_data(self) -> bool:
        return any(is_data for _tag, is_data in self._open)


def unmarked(page: str) -> list[str]:
    """Texts of the page with words that are neither in a message nor data."""
    # A text may be cut by an element in it: brackets are closed over the whole page.
    text = " ␞ ".join(" ".join(text.split()) for text in Visible(page).texts)
    for left, right in (DATA, MESSAGE):
        inner = re.compile(f"{left}[^{left}{right}]*{right}")
        while inner.search(text):
            text = inner.sub(" ", text)
    return [part.strip() for part in text.split("␞") if _WORD.search(_NO_WORDS.sub(" ", part))]

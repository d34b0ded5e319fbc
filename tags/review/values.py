"""JSON values as people read them: a tree, a table, a text, an image or a link; always bounded.

`show` makes a small structure of any value; templates/review/value.html renders it. What is left out says so, and
where it stands (`path`), so that the page can ask for it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import nh3
from markdown_it import MarkdownIt

from tags.db import exact_json

Path = tuple[str | int, ...]
"""Where a value stands: the names and numbers that lead to it."""

MEMBERS = 50
"""Members of a list or an object, or rows of a table, that are shown at once."""
LONGEST_TEXT = 4_000
LARGEST_IMAGE = 2_000_000  # characters of base64
_DEEPEST = 8
_MOST_COLUMNS = 12
_LONGEST_CELL = 200
_LONGEST_LINK = 2_000
_LONGEST_MARKDOWN = 20_000
# What ingest notes of a run's technical circumstances (tags/ingest): after all else, and folded at first.
_NAMES = ("tokens", "facets", "queries_started", "events", "attributes", "runs", "run", "job", "scope", "span")
_CIRCUMSTANCES: dict[str | int, int] = {name: n for n, name in enumerate(_NAMES, start=1)}
# Lines of an object or a list: a large one is folded at first, below the top a small one is not.
_LARGE = 40
_SMALL = 15

_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_LINK = re.compile(r"https?://[^\s<>\"'`\\^{}|\x00-\x1f\x7f]+", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|(?:[-*+]|\d{1,3}[.)]) \S.*\n(?:[-*+]|\d{1,3}[.)]) \S|\|.+\|\n\|[ :|-]+\||> \S)"
    r"|\*\*[^\s*][^*\n]*\*\*|\[[^\]\n]+\]\(https?://[^)\s]+\)",
    re.MULTILINE,
)
_MARKDOWN_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s"),
    *("a", "table", "thead", "tbody", "tr", "th", "td"),
}
# No HTML in it, and no images: those would be loaded from elsewhere.
_READER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@dataclass(slots=True)
class Budget:
    """How much one page shows of one value, whatever its shape."""

    values: int = 400
    characters: int = 60_000
    image_characters: int = 4_000_000

    def takes(self, characters: int = 0) -> bool:
        """Whether another value, of so many characters, still fits; then it is counted."""
        if self.values <= 0 or self.characters < characters:
            return False
        self.values -= 1
        self.characters -= characters
        return True

    def takes_image(self, characters: int) -> bool:
        if self.image_characters < characters:
            return False
        self.image_characters -= characters
        return True


@dataclass(slots=True)
class Shown:
    """A value as the page has it.

    `kind` is one of object, list, table, text, markdown, image, link, number, word (true, false, null), folded (nothing
    of it is here yet). `size` is how much there is (members, rows or characters), `upto` how much of it is here.
    """

    kind: str
    text: str = ""
    members: list[tuple[str, "Shown"]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[int, list[tuple[str, bool]]]] = field(default_factory=list)
    size: int = 0
    upto: int = 0
    path: str = ""
    is_open: bool = True
    # Markdown, made safe by nh3; the one thing here that is HTML.
    html: str = ""

    @property
    def is_nested(self) -> bool:
        return self.kind in ("object", "list", "table", "folded")

    @property
    def is_block(self) -> bool:
        """Whether it has lines of its own."""
        return self.kind in ("markdown", "image", "table") or (
            self.kind == "text" and (len(self.text) > _LONGEST_CELL or "\n" in self.text)
        )

    @property
    def left(self) -> int:
        return self.size - self.upto


def show(
    value: Any, path: Path = (), first: int = 0, budget: Budget | None = None, depth: int = 0, *, is_open: bool = True
) -> Shown:
    """What the page shows of the value, from its member, row or character `first` on."""
    budget = budget or Budget()
    if isinstance(value, dict | list):
        return _nested(value, path, first, budget, depth, is_open=is_open)
    if isinstance(value, str):
        return _text(value, path, first, budget)
    budget.takes()
    if value is None or isinstance(value, bool):
        return Shown("word", exact_json.dumps(value))
    return Shown("number", number_text(value))


def number_text(value: Any) -> str:
    """Every digit, as JSON writes it."""
    return exact_json.dumps(value) if isinstance(value, Decimal | float) else str(value)


def at(value: Any, path: Path) -> Any:
    """The value there. Raises LookupError."""
    for step in path:
        in_list = isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
        if not in_list and not (isinstance(value, dict) and step in value):
            raise LookupError(step)
        value = value[step]
    return value


def path_text(path: Path) -> str:
    return exact_json.dumps(list(path))


def read_path(text: str) -> Path:
    """Raises ValueError."""
    steps = exact_json.loads(text)
    if not isinstance(steps, list) or not all(type(step) in (str, int) for step in steps):
        raise ValueError("not a path")
    return tuple(steps)


def inline(value: Any, longest: int = _LONGEST_CELL) -> str:
    """In one short line: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else exact_json.dumps(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _nested(value: Any, path: Path, first: int, budget: Budget, depth: int, *, is_open: bool) -> Shown:
    size, where = len(value), path_text(path)
    kind = "object" if isinstance(value, dict) else "list"
    if size and (depth >= _DEEPEST or not budget.takes()):
        return Shown("folded", text=kind, size=size, path=where)
    columns = _columns(value) if isinstance(value, list) else []
    if columns:
        return _table(value, columns, where, first, budget)
    shown = Shown(kind, size=size, upto=first, path=where, is_open=is_open)
    for name, member in _members(value, path, first):
        label = str(name)
        folds = _folds(name, member, depth)
        if not budget.takes(len(label)):
            break
        shown.members.append((label, show(member, (*path, name), 0, budget, depth + 1, is_open=not folds)))
        shown.upto += 1
    return shown


def _folds(name: str | int, member: Any, depth: int) -> bool:
    """What is large or further down is folded at first: most of what people look for is small and near the top."""
    if not isinstance(member, dict | list):
        return False
    return name in _CIRCUMSTANCES or _weight(member, _LARGE) >= (_LARGE if depth == 0 else _SMALL)


def _weight(value: Any, most: int) -> int:
    """How many lines it would take, counted no further than `most`."""
    lines = 1
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            if lines >= most:
                break
            lines += _weight(member, most - lines)
    return lines


def _members(value: Any, path: Path, first: int) -> Iterable[tuple[str | int, Any]]:
    members = list(enumerate(value) if isinstance(value, list) else value.items())
    if not path:
        members.sort(key=lambda member: _CIRCUMSTANCES.get(member[0], 0))
    return members[first : first + MEMBERS]


def _columns(rows: Sequence[Any]) -> list[str]:
    """The columns of a list of flat records that are alike; else none."""
    if len(rows) < 2 or not all(isinstance(row, dict) and row for row in rows):
        return []
    columns: dict[str, None] = {}
    cells = 0
    for row in rows:
        if not all(map(_is_cell, row.values())):
            return []
        columns.update(dict.fromkeys(row))
        cells += len(row)
        if len(columns) > _MOST_COLUMNS:
            return []
    return list(columns) if cells * 2 >= len(columns) * len(rows) else []


def _is_cell(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_CELL and "\n" not in value
    return not isinstance(value, dict | list)


def _table(rows: list[dict[str, Any]], columns: list[str], where: str, first: int, budget: Budget) -> Shown:
    shown = Shown("table", columns=columns, size=len(rows), upto=first, path=where)
    for number, row in enumerate(rows[first : first + MEMBERS], start=first):
        cells = [_cell(row[name]) if name in row else ("", False) for name in columns]
        if not budget.takes(sum(len(text) for text, _ in cells)):
            break
        shown.rows.append((number, cells))
        shown.upto += 1
    return shown


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: Any) -> tuple[str, bool]:
    """Its text, and whether that is a number's."""
    if _is_number(value):
        return number_text(value), True
    return value if isinstance(value, str) else exact_json.dumps(value), False


def _text(value: str, path: Path, first: int, budget: Budget) -> Shown:
    size, where = len(value), path_text(path)
    if first == 0:
        if _is_image(value):
            budget.takes()
            fits = size <= LARGEST_IMAGE and budget.takes_image(size)
            return Shown("image", value if fits else "", size=size, upto=size, path=where)
        if size <= _LONGEST_LINK and _LINK.fullmatch(value) and budget.takes(size):
            return Shown("link", value, size=size, upto=size)
    part = value[first : first + min(LONGEST_TEXT, max(0, budget.characters))]
    budget.takes(len(part))
    shown = Shown("text", part, size=size, upto=first + len(part), path=where)
    if first == 0 and shown.left == 0 and looks_like_markdown(value):
        shown.kind, shown.html = "markdown", markdown(value)
    return shown


def _is_image(value: str) -> bool:
    return value.startswith("data:image/") and _IMAGE.fullmatch(value) is not None


def looks_like_markdown(text: str) -> bool:
    return len(text) <= _LONGEST_MARKDOWN and _MARKDOWN.search(text) is not None


def markdown(text: str) -> str:
    """HTML that holds nothing but text and its form; links say that they are nobody's recommendation."""
    tokens = _READER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            # Below the page's own headings.
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return nh3.clean(
        _READER.renderer.render(tokens, _READER.options, {}),
        tags=_MARKDOWN_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )

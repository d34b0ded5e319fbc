"""What differs between two texts: line by line, and inside a line that was changed word by word."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

# Comparing takes time by the square of the lines, or of the words of a line.
_MOST_LINES = 4_000
_LONGEST_LINE = 4_000
_CONTEXT_LINES = 3
_KINDS = {"+": "added", "-": "removed", " ": "same", "@": "gap"}
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
# Lines that have less in common than this are shown as two different ones.
_ALIKE = 0.4

Part = tuple[str, bool]
"""A piece of a line, and whether it is what changed."""


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is one of added, removed, same, gap."""

    kind: str
    parts: list[Part]

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


def difference(before: str, after: str) -> list[Line] | None:
    """With some lines around; None if there is too much to compare, empty if they are the same."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return None
    lines = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES))[2:]
    if lines and lines[0].startswith(("@@ -1,", "@@ -1 ")):
        del lines[0]  # nothing is left out before the first line
    found = [Line(_KINDS[line[0]], [("⋯" if line[0] == "@" else line[1:], False)]) for line in lines]
    return list(_with_words(found))


def _with_words(lines: list[Line]) -> Iterator[Line]:
    """Where as many lines were added as were removed right before, each is compared with the one in its place."""
    at = 0
    while at < len(lines):
        removed = _run_of("removed", lines, at)
        added = _run_of("added", lines, at + len(removed))
        if removed and len(removed) == len(added):
            pairs = [_compared(*pair) for pair in zip(removed, added, strict=True)]
            yield from (old for old, _ in pairs)
            yield from (new for _, new in pairs)
        else:
            yield from removed
            yield from added
        if not (removed or added):
            yield lines[at]
        at += max(1, len(removed) + len(added))


def _run_of(kind: str, lines: list[Line], start: int) -> list[Line]:
    end = start
    while end < len(lines) and lines[end].kind == kind:
        end += 1
    return lines[start:end]


def _compared(old: Line, new: Line) -> tuple[Line, Line]:
    if max(len(old.text), len(new.text)) > _LONGEST_LINE:
        return old, new
    before, after = _WORD.findall(old.text), _WORD.findall(new.text)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return old, new
    old_parts: list[Part] = []
    new_parts: list[Part] = []
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        old_parts.append(("".join(before[old_from:old_to]), kind != "equal"))
        new_parts.append(("".join(after[new_from:new_to]), kind != "equal"))
    return Line("removed", _shown(old_parts)), Line("added", _shown(new_parts))


def _shown(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part[0]]

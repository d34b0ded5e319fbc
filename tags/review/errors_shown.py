"""What went wrong in a task, as people read it: the message, then the traceback with other people's code folded."""

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from tags.review.values import Budget, Shown, show

_LONGEST_MESSAGE = 2_000
_LONGEST_TRACE = 60_000
_MOST_LINES = 800
_TRACES = ("stackTrace", "stack_trace", "stacktrace", "traceback", "stack")
_MESSAGES = ("message", "programmingMessage", "detail", "reason")
_TYPES = ("type", "exception", "name")
# Says what the traceback shows by itself.
_NEEDLESS = ("programmingLanguage",)
_FRAME = re.compile(r"""^\s+(?:File ["']|at )""")
_NAME = re.compile(r"[A-Za-z_][\w.]{0,99}")
_LIBRARY = re.compile(
    r"site-packages|dist-packages|node_modules|node:internal|/lib/python3|importlib\._|<frozen |"
    r"\bat (?:java|javax|sun|jdk|scala|org\.apache|akka)\."
)


@dataclass(slots=True)
class Part:
    """Lines of a traceback that belong together; those of libraries are folded."""

    text: str
    frames: int = 0
    is_library: bool = False


@dataclass(slots=True)
class ShownError:
    type: str = ""
    message: str = ""
    trace: list[Part] = field(default_factory=list)
    is_cut: bool = False
    # What the error holds besides.
    rest: Shown | None = None


def show_error(error: Any) -> ShownError | None:
    if error in (None, "", {}, []):
        return None
    if isinstance(error, str):
        return _of_text(error)
    if not isinstance(error, dict):
        return ShownError(rest=show(error))
    trace = _first_text(error, _TRACES)
    message, kind = _first_text(error, _MESSAGES), _first_text(error, _TYPES)
    shown = ShownError(error.get(kind, ""), error.get(message, ""))
    if trace:
        shown.trace, shown.is_cut = _parts(error[trace])
    if "\n" in shown.message and not trace and "Traceback" in shown.message:
        whole = _of_text(shown.message)
        shown.message, shown.trace, shown.is_cut = whole.message, whole.trace, whole.is_cut
    shown.message = shown.message.strip()[:_LONGEST_MESSAGE]
    rest = {name: value for name, value in error.items() if name not in (trace, message, kind, *_NEEDLESS)}
    if shown.trace and not shown.type:
        shown.type = _type_of(shown)
    shown.rest = show(rest, budget=Budget(values=200)) if rest else None
    return shown


def _type_of(shown: ShownError) -> str:
    """The exception's name, from the last line of the traceback."""
    last = shown.trace[-1].text.splitlines()[-1:]
    name, found, _message = "".join(last).partition(f": {shown.message}")
    return name if found and _NAME.fullmatch(name) else ""


def _first_text(error: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if isinstance(error.get(name), str) and error[name]), "")


def _of_text(text: str) -> ShownError:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not any(map(_FRAME.match, lines)):
        return ShownError(message=text.strip()[:_LONGEST_MESSAGE], is_cut=len(text) > _LONGEST_MESSAGE)
    is_python = lines[0].startswith("Traceback")
    trace, is_cut = _parts(text)
    return ShownError(message=(lines[-1] if is_python else lines[0])[:_LONGEST_MESSAGE], trace=trace, is_cut=is_cut)


def _parts(text: str) -> tuple[list[Part], bool]:
    lines = text[:_LONGEST_TRACE].strip("\n").splitlines()
    is_cut = len(text) > _LONGEST_TRACE or len(lines) > _MOST_LINES
    chunks: list[tuple[bool, bool, list[str]]] = []  # whether it is a frame, whether a library's, its lines
    for line in lines[:_MOST_LINES]:
        if _FRAME.match(line):
            chunks.append((True, _LIBRARY.search(line) is not None, [line]))
        elif chunks and chunks[-1][0] and line.startswith("    "):
            chunks[-1][2].append(line)  # the code of the frame
        else:
            chunks.append((False, False, [line]))
    if all(is_library for is_frame, is_library, _ in chunks if is_frame):
        # None is of one's own: the last one is where it happened.
        last = max((n for n, chunk in enumerate(chunks) if chunk[0]), default=None)
        if last is not None:
            chunks[last] = (True, False, chunks[last][2])
    parts = []
    for is_library, group in groupby(chunks, key=lambda chunk: chunk[1]):
        members = list(group)
        frames = sum(is_frame for is_frame, _, _ in members)
        parts.append(Part("\n".join(line for _, _, block in members for line in block), frames, is_library))
    return parts, is_cut

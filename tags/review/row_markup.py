"""The small parts of the inbox's rows as HTML: hundreds on a page, and a template takes ten times as long for each.

Whatever is said here is escaped here.
"""

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString

from tags.review.words import per_language, status_words

# Tags that tell of a verdict are coloured.
_VERDICTS = ("approved", "rejected")


def tags(first: Iterable[str], others: Iterable[str]) -> SafeString:
    html = " ".join([*first, *others])
    return SafeString(html)  # nosec B703  # of the two functions below


def waiting_tag(id: str, name: str, title: str) -> str:
    return f'<span class="tag waits" data-tag="{id}" title="{escape(title)}">{escape(name)}</span>'


def other_tag(name: str, title: str) -> str:
    look = f"tag {name}" if name in _VERDICTS else "tag"
    return f'<span class="{look}" title="{escape(title)}">{escape(name)}</span>'


def moment(time: str, exact: str, age: str, of: str = "", who: str = "") -> str:
    """`of`: the id of the tag that somebody put there then."""
    shown = f'<time datetime="{time}" title="{escape(exact)}">{escape(age)}</time>'
    return (
        f'<span class="by" data-of="{of}">{shown} · {escape(who)}</span>' if of else f'<span class="by">{shown}</span>'
    )


def preview(pairs: Iterable[tuple[str, str]], text: str) -> SafeString:
    """Names with their values, or a text, or both."""
    shown = [
        f'<span class="pair"><span class="key">{escape(name)}</span> {escape(value)}</span>' for name, value in pairs
    ]
    html = " ".join([*shown, escape(text)]).rstrip()
    return SafeString(html)  # nosec B703  # each part is escaped


@per_language
def _status_marks() -> dict[str, SafeString]:
    return {status: _status_mark(status, word) for status, word in status_words().items()}


def _status_mark(status: str, word: str) -> SafeString:
    html = f'<span class="status {status}">{escape(word)}</span>'
    return SafeString(html)  # nosec B703  # a value of ours, and an escaped word


def status_mark(status: str) -> SafeString:
    return _status_marks()[status]

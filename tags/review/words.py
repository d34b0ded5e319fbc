"""Small things in the words of people."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import ParamSpec, TypeVar

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from tags.models import ProcessingStatus

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")
# OpenTelemetry's spans: their task names end in the span's id.
_SPAN = re.compile(r"(.*\S) \[([0-9a-f]{16})\]", re.DOTALL)


def per_language(find: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """Find the words once for each language: a page says hundreds, which took a tenth of its time."""

    @cache
    def in_language(language: str | None, *given: _Given.args, **named: _Given.kwargs) -> _Found:
        return find(*given, **named)

    return lambda *given, **named: in_language(get_language(), *given, **named)


def figure(number: float, decimals: int = 0) -> str:
    """As it is written in the reader's language: 1,234.5 or 1.234,5."""
    return number_format(round(number, decimals), decimals, force_grouping=True)  # which would cut, not round


def duration_text(duration: timedelta | None) -> str:
    """With the two largest units, or a fraction of seconds; empty for None."""
    if duration is None:
        return ""
    seconds = duration.total_seconds()
    if seconds < 1:
        return _("%(number)d ms") % {"number": round(seconds * 1000)}
    if seconds < 60:
        return _("%(number)s s") % {"number": figure(seconds, 1)}
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    return _("%(days)d d %(hours)d h") % {"days": hours // 24, "hours": hours % 24}


def time_mark(time: datetime) -> SafeString:
    """The `<time>` element, in the reader's time zone. A page has dozens, so it is no template."""
    local = timezone.localtime(time)
    text = date_format(local, pgettext("format of a time", "j M Y, H:i:s"))
    exact = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, text)


@per_language
def status_words() -> dict[str, str]:
    return {status.value: str(status.label) for status in ProcessingStatus}


def status_word(status: str) -> str:
    """Of a task execution's processing status."""
    return status_words()[status]


def split_name(task_name: str) -> tuple[str, str]:
    """The name and what tells two calls apart, if it is a span's."""
    found = _SPAN.fullmatch(task_name)
    return (found[1], found[2]) if found else (task_name, "")

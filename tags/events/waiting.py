"""How a view says that its caller would wait for something to happen; the server's event loop does the waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest

from tags.events.reading import Selection

# Where the wait stands in the ASGI scope of the request.
WAIT = "tagsite.wait"


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again when an event of one of the selections happened, or when `seconds` have passed since the request."""

    organization_id: UUID
    selections: Sequence[Selection]
    seconds: float


def ask_for_wait(request: HttpRequest, wait: Wait) -> None:
    """The answer is not sent then: the view is asked again later (tags/live/long_poll.py).

    Under a WSGI server nobody can wait without holding a thread, and the answer is sent as it is.
    """
    scope = request.META.get("asgi.scope")
    if scope is not None:
        scope[WAIT] = wait

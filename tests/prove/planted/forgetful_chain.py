from tags.actions import sealing
from tags.db import exact_json
from tags.events import chain, verifying


def plant() -> None:
    """The chain leaves out who did it."""
    sealing.link = _link
    verifying.link = _link


def _link(previous: bytes, event: str) -> bytes:
    known = {name: value for name, value in exact_json.loads(event).items() if name != "actor"}
    return chain.link(previous, exact_json.dumps(known))

"""The sealer: a process beside the server, at the lowest priority, that seals what was recorded.

Each server has one. They take turns, an organization at a time (tags/actions/sealing.py).
"""

import logging
import os
import time
from contextlib import suppress

from tagsite.keeper import end_with_server

# Seconds between two looks; an event is sealed about as long after it was recorded.
_PAUSE = 2.0


def main() -> None:
    end_with_server()
    os.nice(19)
    time.sleep(_PAUSE)  # what has just started has better to do

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tagsite.settings")
    django.setup(set_prefix=False)
    _seal()


def _seal() -> None:
    from django.db import DatabaseError, connection

    from tags.actions.sealing import Sealer

    logger = logging.getLogger("tagsite.sealing")
    sealer = Sealer()
    while True:
        try:
            sealer.seal_everything()
        except DatabaseError as error:
            logger.warning("events not sealed; trying again", extra={"reason": repr(error)})
        connection.close()  # the pool keeps it; one that is broken is replaced
        time.sleep(_PAUSE)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()

import time
from typing import Any

from django.db import connection

from tags.events import stream


def plant() -> None:
    """What a batch has changed is committed before its events are; the moment between is made long enough to meet."""
    append = stream.append

    def halved(*arguments: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("COMMIT")
            time.sleep(0.05)
            cursor.execute("BEGIN")
            cursor.execute("SELECT set_config('tagsite.organization_id', %s, true)", [str(arguments[0])])
        append(*arguments)

    stream.append = halved

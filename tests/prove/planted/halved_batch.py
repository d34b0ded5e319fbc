import time
from typing import Any

from django.db import connection

from tags.db.tenancy import ORGANIZATION, show
from tags.events import stream


def plant() -> None:
    """What a batch has changed is committed before its events are; the moment between is made long enough to meet."""
    append = stream.append

    def halved(organization_id: Any, *arguments: Any) -> None:
        connection._commit()  # sent and answered now, also from within a pipeline
        time.sleep(0.05)
        connection._start_transaction_under_autocommit()
        show(ORGANIZATION, str(organization_id))
        append(organization_id, *arguments)

    stream.append = halved

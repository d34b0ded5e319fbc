from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.live.servers import LiveServer


@pytest.fixture(scope="session")
def live(django_db_setup: None) -> Iterator[LiveServer]:
    with closing(LiveServer()) as server:
        yield server

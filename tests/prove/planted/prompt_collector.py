import gc
import threading
import time

_EVERY = 5  # seconds


def plant() -> None:
    """No bug: what refers to itself is collected soon. Python leaves it for minutes, and it would look like a leak."""
    threading.Thread(target=_collect, daemon=True).start()


def _collect() -> None:
    while True:
        time.sleep(_EVERY)
        gc.collect()

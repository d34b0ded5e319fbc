import logging

from tags import middleware


def plant() -> None:
    """The log line of a request has its headers."""
    report = middleware._report

    def _report(request, response, seconds):  # type: ignore[no-untyped-def]  # the bug
        logging.getLogger("tagsite.request").info("headers: %s", dict(request.headers))
        report(request, response, seconds)

    middleware._report = _report

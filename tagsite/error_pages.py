"""Errors outside the API's views: a page for who navigates in a browser, the contract's body for every program.

A page says what happened, what to do now, and the request id that finds it in the log.
"""

import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tags import errors
from tags.api.error_body import as_tagsite_error, error_response
from tags.errors import TagsiteError
from tags.request_context import current_request_id
from tags.review.access import is_navigation


class ErrorMiddleware:
    """Answers what a view raises and Django would call a fault of ours: above all 503 while the database is away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        known = as_tagsite_error(exception)
        return None if known is None else _answer(request, known)


# Django's own error handlers (tagsite/urls.py, CSRF_FAILURE_VIEW).


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, errors.BadRequest("The request was not understood"))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, errors.Forbidden("Not allowed"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`reason` is Django's, in the words of developers; it stands in the log."""
    title, advice = _old_form()
    return _answer(request, errors.Forbidden(advice), (title, advice))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, errors.NotFound("Not found"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Also what a middleware raised, who asks for the person while the database is away."""
    raised = sys.exc_info()[1]
    known = as_tagsite_error(raised) if isinstance(raised, Exception) else None
    return _answer(request, known or TagsiteError("An error on our side; the request id finds it in the log"))


def _answer(request: HttpRequest, error: TagsiteError, words: tuple[str, str] | None = None) -> HttpResponse:
    response = error_response(error)
    if not is_navigation(request):
        return response
    title, advice = words or _words(error)
    context = {"status": error.status, "title": title, "advice": advice, "request_id": current_request_id()}
    page = render(request, "error.html", context, status=error.status)
    for name in ("Retry-After", "WWW-Authenticate"):
        if name in response:
            page[name] = response[name]
    return page


def _old_form() -> tuple[str, str]:
    return (
        _("This page is too old"),
        _(
            "Nothing was changed. You have logged in or out since the page was loaded, or your browser keeps no cookies"
            " of this site. Go back, load the page again, then do it once more."
        ),
    )


def _words(error: TagsiteError) -> tuple[str, str]:
    """What a person reads: a title, and what to do."""
    if error.status == 401:
        return (
            _("Your session has ended"),
            _(
                "Nothing was changed. Log in, in another tab if you have typed something here: then go back and send it"
                " again."
            ),
        )
    if error.status == 403:
        return _("This is not for you"), _(
            "Your role in this organization does not allow it. An admin of it can change that; or you work in another"
            " one now than you think: see the menu at the top."
        )
    if error.status == 404:
        return _("There is nothing here"), _(
            "It was deleted, or it never existed, or it belongs to an organization that you are not working in."
        )
    if error.status == 503:
        return _("The database cannot be reached"), _(
            "Nothing was changed. It usually comes back within a minute: load the page again then. If not, tell whoever"
            " runs Tagsite at your company."
        )
    if error.status >= 500:
        return _("An error on our side"), _(
            "It is in the log. Load the page again; if it comes again, tell whoever runs Tagsite at your company the"
            " number below."
        )
    return _("That was not understood"), _("Go back, load the page again, then do it once more.")

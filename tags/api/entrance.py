"""The last word on a key whose look-up travels with the work."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tags.api.error_body import as_tagsite_error, error_response
from tags.db import tenancy
from tags.errors import RepositoryError


class EntranceMiddleware:
    """Nothing is answered to a key that was not looked up, whatever the view did: an error of its own has to wait."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tenancy.visit() as visit:
            response = self.get_response(request)
            # A database that is away is said at once: to ask it for the key would take as long again.
            if visit.entrance is None or response.status_code == RepositoryError.status:
                return response
            return _closed(visit.entrance, response)


def _closed(entrance: tenancy.Entrance, response: HttpResponse) -> HttpResponse:
    try:
        entrance.close()
    except Exception as error:
        known = as_tagsite_error(error)
        if known is None:
            raise
        return error_response(known)
    return response

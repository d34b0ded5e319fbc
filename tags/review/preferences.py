"""How a page is shown: language, time zone, and light or dark; as the person has chosen, else as their browser says."""

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from tags.models import Theme, User

# Set by tags/static/tags/time_zone.js.
TIME_ZONE_COOKIE = "time_zone"
# Programs call here: their answers are English, and nobody is asked for.
_OF_PROGRAMS = ("/api/", "/v1/", "/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True)
class Preferences:
    language: str
    time_zone: str
    theme: str = Theme.SYSTEM


class PreferencesMiddleware:
    """Behind the one that knows the person. Templates find what holds in `request.preferences`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(_OF_PROGRAMS):
            return self.get_response(request)
        chosen = preferences_of(request)
        request.preferences = chosen  # type: ignore[attr-defined]  # for templates
        with translation.override(chosen.language), timezone.override(ZoneInfo(chosen.time_zone)):
            response = self.get_response(request)
        response.setdefault("Content-Language", chosen.language)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response


def preferences_of(request: HttpRequest) -> Preferences:
    user = request.user
    of_browser = browser_time_zone(request)
    if not isinstance(user, User):
        return Preferences(translation.get_language_from_request(request), of_browser)
    language = user.language if user.language in dict(settings.LANGUAGES) else ""
    time_zone = user.time_zone if user.time_zone in time_zones() else ""
    return Preferences(
        language or translation.get_language_from_request(request), time_zone or of_browser, Theme(user.theme)
    )


def browser_time_zone(request: HttpRequest) -> str:
    """UTC until the browser has said."""
    named = request.COOKIES.get(TIME_ZONE_COOKIE, "").replace("%2F", "/")
    return named if named in time_zones() else "UTC"


@cache
def time_zones() -> frozenset[str]:
    """All that there are, old names too: browsers use some."""
    return frozenset(zoneinfo.available_timezones() - {"localtime"})

"""Every URL that the product has, from its URL configuration, and paths to them that name things by id."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
# Paths that no id belongs in: a token in a mail.
_OTHER = {"uidb64": "MQ", "token": "set-password", "name": "output", "app_label": "tags", "content_type_id": "1"}
# What paths begin with that take JSON, and the credentials of programs.
PROGRAMS = ("/api/", "/v1/")


@dataclass(frozen=True)
class Route:
    path: str  # with <converter:name> as Django writes it

    @property
    def is_for_programs(self) -> bool:
        return f"/{self.path}".startswith(PROGRAMS)

    def to(self, id: str) -> str:
        """The path with this id in all its places."""
        return "/" + _PARAMETER.sub(lambda match: _OTHER.get(match[2], id), self.path)


def routes() -> list[Route]:
    return sorted(set(_routes(get_resolver().url_patterns, "")), key=lambda route: route.path)


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        elif "(?P" in path:  # the admin's answer to unknown paths
            yield Route(path.partition("(?P")[0] + "<path:object_id>")
        else:
            yield Route(path)

"""GET /api/schema: the OpenAPI document (tags/api/schema.py says what is in it)."""

from functools import cache
from threading import Lock
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response

_making = Lock()


def document() -> Any:
    """Made once in a process, and by one thread alone: another would meet drf-spectacular's extensions half loaded."""
    with _making:
        return _made()


@cache
def _made() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # not typed


class DocumentView(SpectacularJSONAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(document(), headers={"Content-Disposition": 'inline; filename="Tagsite.json"'})

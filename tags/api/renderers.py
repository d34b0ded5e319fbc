from typing import Any

from rest_framework.renderers import BaseRenderer

from tags.db import exact_json


class ExactJSONRenderer(BaseRenderer):
    """JSON without loss. What PostgreSQL has already made JSON is passed through as bytes."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else exact_json.dumps(data).encode()

"""Traces as they are sent to POST /v1/traces."""

from typing import Any

import psycopg
from django.http import HttpResponse

from tests.cast import Api

PATH = "/v1/traces"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
Owner = psycopg.Connection[Any]


def send(api: Api, body: bytes, content_type: str = PROTOBUF, **headers: str) -> HttpResponse:
    return api.client.post(PATH, body, content_type=content_type, headers={**api.headers, **headers})

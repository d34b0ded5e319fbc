"""The OpenAPI document, made from the views and the shapes beside them."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class ContractSchema(AutoSchema):
    pass


def add_common_responses(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    return result

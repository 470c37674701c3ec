"""Pieces of OpenAPI that routes share: problem answers and hand-parsed request bodies."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from api.problems import MEDIA_TYPE

PROBLEM_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` entries for problem+json answers; 429 and 500 are possible everywhere and added by the app."""
    return {status: {"description": HTTPStatus(status).phrase, "content": PROBLEM_CONTENT} for status in statuses}


def request_body(content: dict[str, type[BaseModel] | dict[str, Any]], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra=` for a body that the route parses itself, strictly, instead of leaving it to the framework."""
    described: dict[str, Any] = {}
    for media_type, schema in content.items():
        if isinstance(schema, dict):
            described[media_type] = {"schema": schema}
        else:
            described[media_type] = {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}
    return {"requestBody": {"required": required, "content": described}}

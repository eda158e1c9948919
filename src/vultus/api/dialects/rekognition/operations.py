"""Operations: routes at POST / that are told apart by X-Amz-Target, and their bodies."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeVar

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.routing import Match

from vultus.api.dialects.rekognition.failures import NotJson
from vultus.api.dialects.rekognition.request_shapes import Shape
from vultus.api.errors import request_sentence
from vultus.api.request_context import known_context
from vultus.api.state import app_state
from vultus.errors import InvalidRequest
from vultus.json_text import LARGE, count_values, parse_json

NAME = "rekognition"
TARGET = "RekognitionService."
S = TypeVar("S", bound=Shape)


def claims(path: str, headers: Headers) -> bool:
    """Whether a request is one of this protocol: a plain one at / stays native."""
    signed = headers.get("authorization", "").startswith("AWS4-")
    return path == "/" and (signed or "x-amz-target" in headers)


class OperationRoute(APIRoute):
    """The route of the operation of its name."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        if not _is_spoken(scope) or Headers(scope=scope).get("x-amz-target") != TARGET + self.name:
            return Match.NONE, {}
        return super().matches(scope)


class UnknownOperationRoute(APIRoute):
    """The route of all operations that no route is named for; after those."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        return super().matches(scope) if _is_spoken(scope) else (Match.NONE, {})


def _is_spoken(scope: MutableMapping[str, Any]) -> bool:
    context = known_context(scope)
    return context is not None and context.dialect.name == NAME


async def read_shape(request: Request, kind: type[S]) -> S:
    """The members of a request. Raises InvalidRequest, NotJson, S3Refused, RequestTooLarge."""
    state, body = app_state(request), await request.body()
    if count_values(body) < LARGE:
        return await state.run(parse_shape, body, kind)
    async with state.large_input:
        return await state.run(parse_shape, body, kind)


def parse_shape(body: bytes, kind: type[S]) -> S:
    """The members of a body. Raises as `read_shape`."""
    try:
        values = parse_json(body or b"{}")
    except ValueError as exc:
        raise NotJson("the body is not valid JSON; send a JSON object in UTF-8") from exc
    if not isinstance(values, dict):
        raise NotJson("the body is not a JSON object")
    present = {name: value for name, value in values.items() if value is not None}
    try:
        return kind.model_validate(present)
    except ValidationError as exc:
        raise InvalidRequest(request_sentence(exc.errors(include_input=False, include_url=False))) from exc

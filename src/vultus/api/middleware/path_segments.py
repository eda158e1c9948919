"""Keeps percent-encoded slashes inside their path segment: subject `a/b` is `/collections/c/subjects/a%2Fb`. Pure ASGI.

An ASGI server decodes the whole path, after which an encoded slash looks like a separator. The middleware decodes the
raw path segment by segment and leaves just two characters encoded, `/` as %2F and `%` as %25; `decoded` undoes these
two in a path parameter. A proxy in front must pass %2F on as it is.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.errors import InvalidRequest
from vultus.identifiers import check_collection, check_id, check_known_subject


class PathSegmentsMiddleware:
    """Has the router see the segments of the raw path, so that %2F stays inside its segment.

    Raises InvalidRequest, when path or query are not UTF-8.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path"):
            _require_utf8(scope.get("query_string", b""))
            path = "/".join(_segment(part) for part in scope["raw_path"].split(b"/"))
            scope["path"] = scope.get("root_path", "") + path  # as ASGI has it: the routes take root_path off
        await self.app(scope, receive, send)


def _segment(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidRequest("the path is not percent-encoded UTF-8; encode each part of it, a slash as %2F") from exc
    return text.replace("%", "%25").replace("/", "%2F")  # in this order, or %2F becomes %252F


def _require_utf8(query: bytes) -> None:
    """Starlette would put replacement characters in the place of other bytes. Raises InvalidRequest."""
    try:
        unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidRequest("the query is not percent-encoded UTF-8; encode each value of it") from exc


def decoded(parameter: str) -> str:
    """A path parameter as the caller meant it."""
    return parameter.replace("%2F", "/").replace("%25", "%")


SubjectPath = Annotated[
    str,
    BeforeValidator(decoded),
    AfterValidator(check_known_subject),
    Path(description="Subject id; a slash in it as %2F."),
]
CollectionPath = Annotated[
    str, BeforeValidator(decoded), AfterValidator(check_collection), Path(description="Collection name.")
]
IdPath = Annotated[str, BeforeValidator(decoded), AfterValidator(check_id), Path(description="Id as it was answered.")]

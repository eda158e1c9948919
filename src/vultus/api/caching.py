"""Answers that only the caller's own cache may keep; before it uses one, it asks whether that is still the same."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

# A browser keeps answers by address: without Vary, one key's answer would be shown to the next key in it.
VARY = "Authorization, X-API-Key"


def entity_tag(*parts: object) -> str:
    """The ETag of what these parts determine."""
    return f'"{hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:32]}"'


def cache_headers(tag: str) -> dict[str, str]:
    """The headers of such an answer. Without asking, a cache would go on showing a face that was erased since."""
    return {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": VARY}


def not_modified(request: Request, tag: str) -> Response | None:
    """304 when the caller holds what has this tag (RFC 9110, section 13.1.2); else None."""
    return Response(status_code=304, headers=cache_headers(tag)) if holds(request.headers, tag) else None


def holds(headers: Headers, tag: str) -> bool:
    """Whether If-None-Match names this tag: the caller has the same content."""
    held = (one.strip() for line in headers.getlist("if-none-match") for one in line.split(","))
    return any(one.removeprefix("W/") in (tag, "*") for one in held)

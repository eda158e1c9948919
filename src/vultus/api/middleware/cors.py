"""Lets web pages of the origins that the operator names call the API from a browser (CORS, Fetch standard). Pure ASGI.

No credentials of the browser are allowed: a page sends its key itself, in a header. A preflight that is not allowed is
answered as any other OPTIONS, so that its refusal has the one shape of all.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.middleware.overload import OVERLOADED

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("authorization", "x-api-key", "content-type", "x-request-id", "traceparent", "if-none-match")
ANSWER_HEADERS = (
    *("x-request-id", "traceparent", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    *("x-faces-found", "etag", "allow", "www-authenticate"),
)
PREFLIGHT_SECONDS = 600  # for which a browser keeps the answer to a preflight


class CorsMiddleware(CORSMiddleware):
    """Answers the preflights of these origins, and marks all other answers as theirs to read."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """origins: as browsers send them, like https://desk.example; none stands for several."""
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _is_preflight(scope, headers):
            answer = self.preflight_response(headers)
            if answer.status_code == 200:
                await answer(scope, receive, send)
                return
        await self.simple_response(scope, receive, send, request_headers=headers)


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether it is one, and the server has room for it: beyond its connections, it is refused like all else."""
    asks = scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
    return asks and not scope.get("state", {}).get(OVERLOADED)

"""Refuses requests while all connections of the server are at work. Pure ASGI."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.request_context import request_context
from vultus.errors import QueueFull

OVERLOADED = "vultus.overloaded"  # set by `vultus.server.http_protocol` in the state of a request beyond the limit
KNOWN_CALLER = "vultus.known_caller"  # set by the gate in the same state, once the key of a request is accepted
# Answered without a key, and large: they begin so.
PUBLIC_PAGES = ("/docs", "/console", "/openapi.json", "/static-", "/capabilities")
STILL_ANSWERED = ("/health", "/metrics")  # cost little; a supervisor must not take "busy" for "dead"


class OverloadMiddleware:
    """Raises QueueFull for what the server marked as overloaded, and has its connection closed; not STILL_ANSWERED."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("state", {}).get(OVERLOADED):
            request_context(scope).headers["connection"] = "close"
            if scope["path"] not in STILL_ANSWERED:
                raise QueueFull("all connections of the server are at work; ask again in a second", 1.0)
        await self.app(scope, receive, send)

"""One line in the log for each request: ids, route, status and time, never a path, which may hold a name. Pure ASGI.

The server's log bounds the lines of requests without an accepted key (`server/log_lines.py`); a stranger could fill the
disk with them.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.middleware.overload import KNOWN_CALLER
from vultus.api.middleware.watched_answer import WatchedAnswer
from vultus.api.request_context import request_context

log = logging.getLogger(__name__)
WRONG_KEY = ("invalid_api_key", "missing_api_key")


class RequestLogMiddleware:
    """Logs each request when it has been answered. Below the layer that gives the request its id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, answer = perf_counter(), WatchedAnswer(send)
        try:
            await self.app(scope, receive, answer.send)
        finally:
            _write_line(scope, answer.status, perf_counter() - begun)


def _write_line(scope: Scope, status: int, seconds: float) -> None:
    context = request_context(scope)
    fields: dict[str, Any] = {
        "request": context.request_id,
        "trace": context.trace.id if context.trace else None,
        "key": context.act.actor if context.act else None,
        "method": scope["method"] if "route" in scope else None,
        "route": getattr(scope.get("route"), "path", None),
        "status": status or None,  # none: the caller left before an answer
        "code": context.error,
        "ms": round(seconds * 1000, 1),
    }
    known = KNOWN_CALLER in scope.get("state", {})
    log.info("answered", extra={"fields": fields, "unbounded": known})
    if context.error in WRONG_KEY:
        peer = scope["client"][0] if scope.get("client") else None
        log.warning("no valid key", extra={"fields": {"request": context.request_id, "peer": peer}})

"""Cancels the requests under way when the shutdown time is over, and answers each of them. Pure ASGI."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send

from vultus.api.middleware.watched_answer import WatchedAnswer
from vultus.api.request_context import request_context
from vultus.errors import NotReady


class ShutdownState:
    """The requests under way, which can be cancelled all at once. Used in the event loop only."""

    def __init__(self) -> None:
        self.under_way: set[anyio.CancelScope] = set()
        self.over = False

    def cancel_all(self) -> None:
        """Cancel the requests that are not answered yet, and all later ones."""
        self.over = True
        for scope in tuple(self.under_way):
            scope.cancel()


class DrainMiddleware:
    """Raises NotReady for a cancelled request; if its answer has begun already, the answer is cut off.

    Work in a thread cannot be cancelled and may still be done: every change may safely be sent again.
    """

    def __init__(self, app: ASGIApp, shutdown_state: ShutdownState) -> None:
        self.app = app
        self._shutdown_state = shutdown_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = WatchedAnswer(send)
        cancelled = await self._until_cancelled(scope, receive, answer.send)
        if cancelled and not answer.status:
            request_context(scope).headers["connection"] = "close"
            raise NotReady("the service is stopping and could not finish this in time; ask again once it is back", 5.0)

    async def _until_cancelled(self, scope: Scope, receive: Receive, send: Send) -> bool:
        if self._shutdown_state.over:
            return True
        with anyio.CancelScope() as limit:
            self._shutdown_state.under_way.add(limit)
            try:
                await self.app(scope, receive, send)
            finally:
                self._shutdown_state.under_way.discard(limit)
        return limit.cancelled_caught

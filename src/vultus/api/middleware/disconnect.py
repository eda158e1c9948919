"""Cancels a request whose caller has left before its answer, so that its compute slot comes free. Pure ASGI."""

from __future__ import annotations

import asyncio

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.errors import NotReady


class DisconnectMiddleware:
    """Raises NotReady, which is for the audit, when the caller leaves after its request and before its answer.

    Work in a thread ends at its next step; a change that has begun is finished, and may safely be sent again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if await _Request(receive, send).left(self.app, scope):
            raise NotReady("the caller left before its answer")


class _Request:
    """One request: its caller is watched from when it has arrived as a whole until its answer begins."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._limit = anyio.CancelScope()
        self._watch: asyncio.Task[None] | None = None  # most requests have no body, and cost no task
        self._begun = False

    async def left(self, app: ASGIApp, scope: Scope) -> bool:
        """Run the application; whether it was cancelled because the caller left."""
        try:
            with self._limit:
                await app(scope, self._receive_until_whole, self._watched_send)
        finally:
            if self._watch is not None:
                self._watch.cancel()
        return self._limit.cancel_called

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._begun:
            self._limit.cancel()

    async def _receive_until_whole(self) -> Message:
        if self._watch is not None:  # it has the connection from then on
            await asyncio.wait([self._watch])
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._watch = asyncio.create_task(self._until_gone())
        return message

    async def _watched_send(self, message: Message) -> None:
        self._begun = True
        await self._send(message)

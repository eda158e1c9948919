"""Cancels a request whose caller has left before its answer, so that its compute slot comes free. Pure ASGI."""

from __future__ import annotations

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
    """One request: whether it has arrived as a whole, whether its answer has begun, whether its caller has left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._arrived, self._gone = anyio.Event(), anyio.Event()
        self._begun = False

    async def left(self, app: ASGIApp, scope: Scope) -> bool:
        """Run the application; whether it was cancelled because the caller left."""
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, tasks.cancel_scope)
            try:
                await app(scope, self._receive_until_whole, self._watched_send)
            except Exception as exc:  # of any kind: raised below, as a group of tasks would wrap it
                failure = exc
            finished = not tasks.cancel_scope.cancel_called
            tasks.cancel_scope.cancel()
            if finished and failure is None:
                return False
        if failure is not None:
            raise failure
        return True

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self._arrived.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        if not self._begun:
            scope.cancel()

    async def _receive_until_whole(self) -> Message:
        if self._arrived.is_set():  # the watch has the connection from then on
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._arrived.set()
        return message

    async def _watched_send(self, message: Message) -> None:
        self._begun = True
        await self._send(message)

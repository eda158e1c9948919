"""Gives each request an id, the caller's or a new one, and finds the dialect of its path and its trace. Pure ASGI."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.api.dialect import Dialect, dialect_of
from vultus.api.request_context import RequestContext, begin_request_context
from vultus.api.trace_context import HEADER, trace_of
from vultus.errors import RequestIdConflict, VultusError


class RequestIdMiddleware:
    """Begins the context of a request with its id and trace, and sends both back in the answer.

    An id that breaks the rule of the dialect is refused, and so is that of a request still running in this process: by
    the error boundary, so that the layers between see the answer.
    """

    def __init__(self, app: ASGIApp, dialects: Sequence[Dialect]) -> None:
        """dialects: the last one speaks at every path."""
        self.app = app
        self._dialects = dialects
        self._running: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        dialect = dialect_of(scope["path"], headers, self._dialects)
        context = begin_request_context(scope, str(uuid.uuid4()), dialect)
        context.trace = trace_of(headers)
        if context.trace is not None:
            context.headers[HEADER] = context.trace.sent
        send = _with_headers(send, context)
        try:
            sent = dialect.read_request_id(headers)
            context.request_id = sent or context.request_id
            self._refuse_running(context.request_id)
        except VultusError as exc:
            context.refusal = exc
            await self.app(scope, receive, send)
            return
        await self._run(context.request_id.lower(), scope, receive, send)  # a UUID is the same in either case

    def _refuse_running(self, request_id: str) -> None:
        if request_id.lower() in self._running:
            raise RequestIdConflict("a request with this x-request-id is still running; send a new UUID with each")

    async def _run(self, running: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._running.add(running)
        try:
            await self.app(scope, receive, send)
        finally:
            self._running.discard(running)


def _with_headers(send: Send, context: RequestContext) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[context.dialect.request_id_header] = context.request_id
            for name, value in context.headers.items():
                headers[name] = value
        await send(message)

    return send_with_headers

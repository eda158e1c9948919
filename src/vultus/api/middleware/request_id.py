"""Gives each request an id: the caller's `x-request-id`, or a new one. Pure ASGI."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.api.errors import describe, error_response
from vultus.api.request_context import RequestContext, begin_request_context
from vultus.errors import InvalidRequest, RequestIdConflict, VultusError

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class RequestIdMiddleware:
    """Begins the context of a request with its id, and sends the id back in the answer.

    An id that is no UUID is refused, and so is the id of a request that is still running in this process.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._running: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = begin_request_context(scope, str(uuid.uuid4()))
        send = _with_headers(send, context)
        try:
            sent = _sent_id(Headers(scope=scope))
            context.request_id = sent or context.request_id
            self._refuse_running(context.request_id)
        except VultusError as exc:
            await error_response(describe(exc), context.request_id)(scope, receive, send)
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


def _sent_id(headers: Headers) -> str | None:
    sent = headers.getlist("x-request-id")
    if not sent:
        return None
    if len(sent) > 1 or not UUID.fullmatch(sent[0]):
        raise InvalidRequest(
            "x-request-id must be one UUID, like 123e4567-e89b-12d3-a456-426614174000; or leave it out"
        )
    return sent[0]


def _with_headers(send: Send, context: RequestContext) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = context.request_id
            for name, value in context.headers.items():
                headers[name] = value
        await send(message)

    return send_with_headers

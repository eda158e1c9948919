"""What a request may cost before any of it is understood: its id, its bytes, its time. Pure ASGI."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.api.errors import describe, error_response
from vultus.api.request_context import Exchange, begin_exchange
from vultus.errors import InvalidRequest, QueueFull, RequestIdConflict, RequestTooLarge, VultusError

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class RequestIds:
    """Gives each exchange its id: the caller's `x-request-id`, or a new one; both are sent back.

    An id that is no UUID is refused, and so is the id of a request that is still running in this process.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._running: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = begin_exchange(scope, str(uuid.uuid4()))
        send = _with_headers(send, exchange)
        try:
            sent = _sent_id(Headers(scope=scope))
            exchange.request_id = sent or exchange.request_id
            self._refuse_running(exchange.request_id)
        except VultusError as exc:
            await error_response(describe(exc), exchange.request_id)(scope, receive, send)
            return
        await self._run(exchange.request_id.lower(), scope, receive, send)

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


def _with_headers(send: Send, exchange: Exchange) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = exchange.request_id
            for name, value in exchange.headers.items():
                headers[name] = value
        await send(message)

    return send_with_headers


@dataclass
class _Body:
    """How much of one body has arrived, in bytes, and whether that is all."""

    arrived: int = 0
    complete: bool = False


class BodyLimit:
    """Refuses a body of too many bytes, announced or counted as they arrive, and one that arrives too slowly.

    Bounds also what the bodies of all requests hold together, so that many callers cannot fill the memory.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float, max_held_bytes: int) -> None:
        self.app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._max_held_bytes = max_held_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._refuse_announced(Headers(scope=scope).get("content-length"))
        body = _Body()
        try:
            await self.app(scope, self._counted(receive, body), send)
        finally:
            self._held_bytes -= body.arrived

    def _refuse_announced(self, length: str | None) -> None:
        if length is None:
            return
        if not (length.isascii() and length.isdigit()):
            raise InvalidRequest("the Content-Length header must be a whole number of bytes")
        if len(length) > 18 or int(length) > self._max_bytes:
            raise self._too_large()

    def _counted(self, receive: Receive, body: _Body) -> Receive:
        deadline = anyio.current_time() + self._seconds

        async def counted_receive() -> Message:
            if body.complete:
                return await receive()
            message = await self._in_time(receive, deadline)
            self._count(len(message.get("body", b"")), body)
            body.complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return counted_receive

    def _count(self, size: int, body: _Body) -> None:
        body.arrived += size
        self._held_bytes += size
        if body.arrived > self._max_bytes:
            raise self._too_large()
        if self._held_bytes > self._max_held_bytes:
            raise QueueFull("the requests under way hold as many bytes as they may; ask again in a second", 1.0)

    async def _in_time(self, receive: Receive, deadline: float) -> Message:
        with anyio.move_on_after(deadline - anyio.current_time()):
            return await receive()
        sentence = f"the request body did not arrive within {self._seconds:g} s; send less, or over a faster line"
        raise HTTPException(408, sentence, {"Connection": "close"})

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"the request body is over the limit of {self._max_bytes} bytes; send smaller photos")

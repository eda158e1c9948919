"""Limits the size of a request body and the time in which it arrives. Pure ASGI."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vultus.errors import InvalidRequest, QueueFull, RequestTooLarge


@dataclass
class InFlight:
    """The requests of this process that are not answered yet: how many, and the bytes of their bodies."""

    requests: int = 0
    body_bytes: int = 0


@dataclass
class _Body:
    """How many bytes of one body have arrived, and whether that is all of it."""

    arrived: int = 0
    complete: bool = False


class BodyLimitMiddleware:
    """Refuses a body of too many bytes, announced or counted as they arrive, and one that arrives too slowly.

    Also limits the bytes of all bodies together, so that many callers cannot fill the memory. Raises RequestTooLarge,
    InvalidRequest, QueueFull, or HTTPException with status 408.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, seconds: float, max_held_bytes: int, in_flight: InFlight | None = None
    ) -> None:
        self.app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._max_held_bytes = max_held_bytes
        self._in_flight = in_flight or InFlight()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._refuse_announced(Headers(scope=scope).get("content-length"))
        body = _Body()
        try:
            await self.app(scope, self._counted(receive, body), send)
        finally:
            self._in_flight.body_bytes -= body.arrived

    def _refuse_announced(self, length: str | None) -> None:
        if length is None:
            return
        if not (length.isascii() and length.isdigit()):
            raise InvalidRequest("the Content-Length header must be a whole number of bytes")
        # int() of thousands of digits is slow, and refused by Python beyond 4300: the number of digits goes first
        if len(length) > 18 or int(length) > self._max_bytes:
            raise self._too_large()

    def _counted(self, receive: Receive, body: _Body) -> Receive:
        deadline = anyio.current_time() + self._seconds

        async def counted_receive() -> Message:
            if body.complete:
                return await receive()  # waits for the caller to disconnect, for which there is no limit
            message = await self._in_time(receive, deadline)
            self._count(len(message.get("body", b"")), body)
            body.complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return counted_receive

    def _count(self, size: int, body: _Body) -> None:
        body.arrived += size
        self._in_flight.body_bytes += size
        if body.arrived > self._max_bytes:
            raise self._too_large()
        if self._in_flight.body_bytes > self._max_held_bytes:
            raise QueueFull("the requests under way hold as many bytes as they may; ask again in a second", 1.0)

    async def _in_time(self, receive: Receive, deadline: float) -> Message:
        with anyio.move_on_after(deadline - anyio.current_time()):
            return await receive()
        sentence = f"the request body did not arrive within {self._seconds:g} s; send less, or over a faster line"
        raise HTTPException(408, sentence, {"Connection": "close"})

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"the request body is over the limit of {self._max_bytes} bytes; send smaller photos")

"""Limits the size of a request body and the time in which it arrives. Pure ASGI."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class BodyLimit:
    """Most bytes of a body, and seconds in which it arrives. held: whether it is held in memory as a whole."""

    max_bytes: int
    seconds: float
    held: bool = True


@dataclass
class _Body:
    """How many bytes of one body have arrived, and whether that is all of it."""

    limit: BodyLimit
    arrived: int = 0
    complete: bool = False


class BodyLimitMiddleware:
    """Refuses a body of too many bytes, announced or counted as they arrive, and one that arrives too slowly.

    Also limits the bytes of all bodies together, so that many callers cannot fill the memory. Raises RequestTooLarge,
    InvalidRequest, QueueFull, or HTTPException with status 408.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        seconds: float,
        max_held_bytes: int,
        in_flight: InFlight | None = None,
        streamed: Mapping[str, BodyLimit] | None = None,
    ) -> None:
        """streamed: the limits of forms that are posted to these paths, as they go to the disk while they arrive."""
        self.app = app
        self._limit = BodyLimit(max_bytes, seconds)
        self._streamed = streamed or {}
        self._max_held_bytes = max_held_bytes
        self._in_flight = in_flight or InFlight()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit_of(scope, headers.get("content-type", ""))
        _refuse_announced(headers.get("content-length"), limit)
        body = _Body(limit)
        try:
            await self.app(scope, self._counted(receive, body), send)
        finally:
            self._in_flight.body_bytes -= body.arrived if limit.held else 0

    def _limit_of(self, scope: Scope, content_type: str) -> BodyLimit:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = self._streamed.get(path) if scope["method"] == "POST" else None
        return limit if limit and content_type.lower().startswith("multipart/form-data") else self._limit

    def _counted(self, receive: Receive, body: _Body) -> Receive:
        deadline = anyio.current_time() + body.limit.seconds

        async def counted_receive() -> Message:
            if body.complete:
                return await receive()  # waits for the caller to disconnect, for which there is no limit
            message = await _in_time(receive, deadline, body.limit)
            self._count(len(message.get("body", b"")), body)
            body.complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return counted_receive

    def _count(self, size: int, body: _Body) -> None:
        body.arrived += size
        self._in_flight.body_bytes += size if body.limit.held else 0
        if body.arrived > body.limit.max_bytes:
            raise _too_large(body.limit)
        if body.limit.held and self._in_flight.body_bytes > self._max_held_bytes:
            raise QueueFull("the requests under way hold as many bytes as they may; ask again in a second", 1.0)


def _refuse_announced(length: str | None, limit: BodyLimit) -> None:
    if length is None:
        return
    if not (length.isascii() and length.isdigit()):
        raise InvalidRequest("the Content-Length header must be a whole number of bytes")
    # int() of thousands of digits is slow, and refused by Python beyond 4300: the number of digits goes first
    if len(length) > 18 or int(length) > limit.max_bytes:
        raise _too_large(limit)


async def _in_time(receive: Receive, deadline: float, limit: BodyLimit) -> Message:
    with anyio.move_on_after(deadline - anyio.current_time()):
        return await receive()
    sentence = f"the request body did not arrive within {limit.seconds:g} s; send less, or over a faster line"
    raise HTTPException(408, sentence, {"Connection": "close"})


def _too_large(limit: BodyLimit) -> RequestTooLarge:
    what = "smaller photos" if limit.held else "it in parts"
    return RequestTooLarge(f"the request body is over the limit of {limit.max_bytes} bytes; send {what}")

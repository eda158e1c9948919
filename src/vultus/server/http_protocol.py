"""The HTTP/1.1 protocol of one connection: limits of headers and of time that uvicorn does not have.

Overrides private parts of uvicorn's HttpToolsProtocol; tests/server/test_uvicorn_contract.py lists each of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from vultus.api.errors import Problem
from vultus.api.middleware.overload import KNOWN_CALLER, OVERLOADED, PUBLIC_PAGES
from vultus.api.middleware.path_prefix import without_prefix
from vultus.server.connections import ConnectionLimiter
from vultus.server.protocol_errors import (
    NOT_HTTP,
    UPGRADE_WITH_BODY,
    headers_too_large,
    raw_protocol_error,
    too_many_ahead,
)

MAX_HEAD_BYTES = 64 * 1024  # of a request without its body: request line, headers, chunk frames, trailers
MAX_HEADERS = 200
MAX_AHEAD = 512  # requests sent before the answer to the first (pipelining); each takes about 3 kB
FRAMES = 9  # bytes of chunk frames allowed per byte of body: a chunk of one byte has 5
BODY_HEADERS = (b"content-length", b"transfer-encoding")


class _Refused(Exception):
    """Raised in a callback to stop the parser; uvicorn then calls `send_400_response`."""


class StrictHttpProtocol(HttpToolsProtocol):
    """Limits the size of headers, drops trailers, declines to upgrade, and ends all requests of a lost connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Bytes received less bytes of body, from the piece after the one in which the message begins: that piece may
        # end an earlier message. Catches a head that never ends, of which the parser reports nothing.
        self._head_left = MAX_HEAD_BYTES
        self._parsed = 0  # bytes of the head that the parser has reported; the same however the pieces are cut
        self._fault = NOT_HTTP
        self._answering: RequestResponseCycle | None = None  # `cycle` is the newest; earlier ones may be pipelined

    def data_received(self, data: bytes) -> None:
        self._head_left -= len(data)
        super().data_received(data)
        if self._head_left < 0:
            self._refuse(headers_too_large(MAX_HEAD_BYTES, MAX_HEADERS))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_left, self._parsed = MAX_HEAD_BYTES, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.scope.get("method"):
            return  # a trailer; it may not change the headers by which the request was authorised
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        offered = self.parser.should_upgrade()
        if offered and any(name in BODY_HEADERS and value != b"0" for name, value in self.headers):
            raise self._stopped(UPGRADE_WITH_BODY)
        super().on_headers_complete()
        if offered:
            self.cycle.keep_alive = False  # the parser reads nothing after an offer to upgrade
        if len(self.pipeline) > MAX_AHEAD:
            raise self._stopped(too_many_ahead(MAX_AHEAD))

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_left = min(MAX_HEAD_BYTES, self._head_left + FRAMES * len(body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request that is being answered too; uvicorn tells only the newest, and the other writes on."""
        answering = self._answering
        if answering is not None and not answering.response_complete:
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when the parser fails."""
        self._refuse(self._fault)

    def _count(self, size: int) -> None:
        self._parsed += size
        if self._parsed > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            raise self._stopped(headers_too_large(MAX_HEAD_BYTES, MAX_HEADERS))

    def _stopped(self, problem: Problem) -> _Refused:
        self._fault = problem
        return _Refused()

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(raw_protocol_error(problem))
        self.transport.close()


class BoundedHttpProtocol(StrictHttpProtocol):
    """Closes a connection whose request headers are not complete, or whose answer is not read, in time.

    The body has its own limit, see `vultus.api.middleware.body_limit`. `protocol_of` makes the class for one server.
    """

    limiter: ConnectionLimiter
    seconds: float
    prefix = ""  # of the paths, as a reverse proxy may pass it on

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers_due: asyncio.TimerHandle | None = None
        self._answer_due: asyncio.TimerHandle | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_headers()
        self.limiter.opened(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()  # the task that answers does not run yet
        path = without_prefix(self.scope["path"], self.prefix)
        self.limiter.request_started(self, public=path.startswith(PUBLIC_PAGES))
        if self.limiter.must_refuse(self):
            self.scope["state"][OVERLOADED] = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_answer()
        if self._between_requests():
            self.limiter.request_done(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_answer()
        if not self._caller_is_known():
            self.limiter.slowed(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.limiter.caught_up(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self.limiter.closed(self)
        _cancel(self._headers_due)
        _cancel(self._answer_due)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close at once, whatever is not sent yet."""
        self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        super()._refuse(problem)
        self._watch_answer()

    def _caller_is_known(self) -> bool:
        return self._answering is not None and KNOWN_CALLER in self._answering.scope["state"]

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch_headers(self) -> None:
        if not self._between_requests():
            _cancel(self._headers_due)
            self._headers_due = None
        elif self._headers_due is None:
            self._headers_due = self.loop.call_later(self.seconds, self._headers_overdue)

    def _headers_overdue(self) -> None:
        self._headers_due = None
        if self._between_requests() and not self.transport.is_closing():
            self.transport.close()

    def _watch_answer(self) -> None:
        """Start the caller's time to read the answer: at its end, and whenever the send buffer fills up again."""
        _cancel(self._answer_due)
        if self._lost:
            return
        self._answer_due = self.loop.call_later(self.seconds, self._answer_overdue)

    def _answer_overdue(self) -> None:
        if self.flow.write_paused or (self._between_requests() and self.transport.get_write_buffer_size() > 0):
            self.transport.abort()


def protocol_of(limiter: ConnectionLimiter, seconds: float, *, prefix: str = "") -> type[BoundedHttpProtocol]:
    """The protocol class of one server.

    seconds: for the headers of a request, and for the caller to read an answer. prefix: see `without_prefix`.
    """
    return type("Protocol", (BoundedHttpProtocol,), {"limiter": limiter, "seconds": seconds, "prefix": prefix})


def _cancel(due: asyncio.TimerHandle | None) -> None:
    if due is not None:
        due.cancel()

"""One connection: how long it may take to say what it wants, and to take its answer. uvicorn never gives up."""

from __future__ import annotations

import asyncio
from typing import Any

from vultus.api.errors import Problem
from vultus.api.middleware.overload import CROWDED
from vultus.server.connections import Room
from vultus.server.strictness import StrictProtocol


class PatientProtocol(StrictProtocol):
    """HTTP/1.1 that closes a connection whose request headers are not complete, or answer not taken, in time.

    The body has its own limit, see `vultus.api.middleware.body_limit`. `protocol_of` makes the class for one server.
    """

    room: Room
    seconds: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers_due: asyncio.TimerHandle | None = None
        self._answer_due: asyncio.TimerHandle | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_headers()
        self.room.enter(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_headers()

    def on_headers_complete(self) -> None:
        self.room.begin(self)
        if self.room.crowded:
            self.scope["state"][CROWDED] = True
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_answer()
        if self._between_requests():
            self.room.end(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_answer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self.room.leave(self)
        _cancel(self._headers_due)
        _cancel(self._answer_due)
        super().connection_lost(exc)

    def make_room(self) -> None:
        """Close at once, whatever is not sent yet."""
        self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        super()._refuse(problem)
        self._watch_answer()

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
        """From now, or from when it last took a part of it, the caller has its time to take what there is to send."""
        _cancel(self._answer_due)
        if self._lost:
            return
        self._answer_due = self.loop.call_later(self.seconds, self._answer_overdue)

    def _answer_overdue(self) -> None:
        if self.flow.write_paused or (self._between_requests() and self.transport.get_write_buffer_size() > 0):
            self.transport.abort()


def protocol_of(room: Room, seconds: float) -> type[PatientProtocol]:
    """The protocol of one server. seconds: for the headers of a request, and for the caller to take an answer."""
    return type("Protocol", (PatientProtocol,), {"room": room, "seconds": seconds})


def _cancel(due: asyncio.TimerHandle | None) -> None:
    if due is not None:
        due.cancel()

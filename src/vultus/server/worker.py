"""A worker process: answers the connections that the parent hands over, until the parent says stop or is gone."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from socket import socket
from typing import Any, cast

import uvicorn

from vultus.api.app import create_opening_app
from vultus.api.middleware.shutdown import ShutdownState
from vultus.api.rate_limiting.rate_limits import RateLimiter
from vultus.api.rate_limiting.shared_rate_limits import SharedWindows
from vultus.api.server_work import ServerWork
from vultus.config import Settings
from vultus.errors import VultusError
from vultus.malloc import limit_kept_memory
from vultus.metrics.server_metrics import ServerMetrics
from vultus.metrics.shared_counts import SharedCounts
from vultus.server.connections import ConnectionLimiter
from vultus.server.handover import Board, Channel, Doing, SentDescriptor
from vultus.server.http_protocol import BoundedHttpProtocol
from vultus.server.process import (
    GracefulServer,
    end_with_threads,
    limiter_of,
    server_config,
)
from vultus.wiring.parts import Duties, System

CONTINUE = b"HTTP/1.1 100"
OpenWorker = Callable[[Settings, Duties], AbstractContextManager[System]]


@dataclass(frozen=True)
class Opened:
    """Report of a worker: it is ready."""


@dataclass(frozen=True)
class Failed:
    """Report of a worker: it could not open its system."""

    reason: Exception


@dataclass(frozen=True)
class Start:
    """What the parent gives to a worker. settings: this worker's share of the limits.

    set_up: called first, for the logs. board, rates: descriptors of shared memory. lock: a descriptor that keeps the
    data folder taken while any worker lives. counts: where the metrics of all workers are.
    """

    settings: Settings
    duties: Duties
    open_worker: OpenWorker
    set_up: Callable[[], None]
    channel: socket
    reports: Connection
    counts: SharedCounts
    board: SentDescriptor
    rates: SentDescriptor
    lock: SentDescriptor


def run_worker(start: Start) -> None:
    """The main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    start.set_up()
    limit_kept_memory(start.settings.compute_slots)
    board, channel = Board(start.board.number), Channel(start.channel)
    settings = start.settings

    @contextmanager
    def opening() -> Iterator[System]:
        with start.open_worker(settings, start.duties) as system:
            start.reports.send(Opened())
            yield system

    def fail(exc: Exception) -> None:
        start.reports.send(Failed(portable(exc)))
        server.should_exit = True

    limiter = limiter_of(settings)
    app = create_opening_app(
        settings,
        opening,
        on_failure=fail,
        rates=RateLimiter(windows=SharedWindows(start.rates.number)),
        work=ServerWork(ServerMetrics(start.counts), limiter),
    )
    shutdown_state: ShutdownState = app.state.vultus.shutdown_state
    protocol = handed_protocol(limiter, settings.header_seconds, board, channel, prefix=settings.root_path)
    server = WorkerServer(server_config(app, settings, protocol), shutdown_state, settings.grace_seconds, channel)
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[])
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        start.counts.remove()
    if shutdown_state.over:
        end_with_threads()


def portable(exc: Exception) -> Exception:
    """The exception, or where it cannot be sent to another process, one of ours that names it."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(exc))
    except Exception:  # whatever its class does
        return VultusError(str(exc) if isinstance(exc, VultusError) else f"the start failed with {type(exc).__name__}")
    return exc


class HandedHttpProtocol(BoundedHttpProtocol):
    """Notes on the board what its connection does, and tells the parent when it is closed."""

    board: Board
    channel: Channel
    place = 0  # set before the connection is made

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _NotingTransport(transport, self._note_answering)))

    def data_received(self, data: bytes) -> None:
        self._note_asking()
        super().data_received(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_end()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.board[self.place] = Doing.NOTHING
        self.channel.say_closed(self.place)

    def _note_asking(self) -> None:
        if self.board[self.place] is Doing.NOTHING or self._is_idle():
            self.board[self.place] = Doing.ASKING

    def _note_end(self) -> None:
        if self._is_idle():  # otherwise it is answering until its next request: no other worker could send the rest
            self.board[self.place] = Doing.NOTHING

    def _is_idle(self) -> bool:
        return self._between_requests() and self.transport.get_write_buffer_size() == 0

    def _note_answering(self) -> None:
        self.board[self.place] = Doing.ANSWERING


class _NotingTransport:
    """A transport that calls `noting` before an answer is written; "100 Continue" is none yet."""

    def __init__(self, transport: asyncio.Transport, noting: Callable[[], None]) -> None:
        self._transport, self._noting = transport, noting

    def write(self, data: bytes) -> None:
        if not data.startswith(CONTINUE):
            self._noting()
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def handed_protocol(
    limiter: ConnectionLimiter, seconds: float, board: Board, channel: Channel, *, prefix: str = ""
) -> type[HandedHttpProtocol]:
    """The protocol class of a worker. seconds, prefix: as in `protocol_of`."""
    parts = {"limiter": limiter, "seconds": seconds, "prefix": prefix, "board": board, "channel": channel}
    return type("Protocol", (HandedHttpProtocol,), parts)


class WorkerServer(GracefulServer):
    """Takes its connections from the parent instead of listening."""

    def __init__(self, config: uvicorn.Config, shutdown_state: ShutdownState, seconds: float, channel: Channel) -> None:
        super().__init__(config, shutdown_state, seconds)
        self._channel = channel
        self._beginning: set[asyncio.Task[object]] = set()  # the loop holds tasks only weakly

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers of `run_worker` in place."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """As uvicorn's, and begin to take connections."""
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._take)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Take no more connections, then as `GracefulServer` does."""
        self._channel.take_no_more()
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        await super().shutdown(sockets)

    def _take(self) -> None:
        try:
            received = self._channel.receive()
        except BlockingIOError:
            return
        except ConnectionError:
            received = None
        loop = asyncio.get_running_loop()
        if received is None:
            loop.remove_reader(self._channel.fileno())
            self.should_exit = True
            return
        received.connection.setblocking(False)

        def protocol() -> asyncio.Protocol:
            made: Any = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop
            )
            made.place = received.place
            return cast(asyncio.Protocol, made)

        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(protocol, received.connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

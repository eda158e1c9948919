"""Runs the HTTP server process: the socket, the signals, uvicorn, limits of files."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from vultus.api.app import create_opening_app
from vultus.api.middleware.shutdown import ShutdownState
from vultus.api.server_work import ServerWork
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.metrics.server_metrics import ServerMetrics
from vultus.server.connections import ConnectionLimiter
from vultus.server.http_protocol import BoundedHttpProtocol, protocol_of
from vultus.server.signals import handling
from vultus.wiring.parts import System
from vultus.wiring.settings_check import check_settings

BACKLOG = 2048  # connections that the kernel queues; the default of uvicorn
LAST_ANSWERS_SECONDS = 2  # to send the last refusals
LATE_SECONDS = 0.5  # for connections accepted just before the listener closed to reach the protocol


def run_server(
    settings: Settings,
    open_system: Callable[[Settings], AbstractContextManager[System]],
    *,
    on_ready: Callable[[int], None],
) -> None:
    """Serve until a signal, then return. on_ready: called with the port, once the system is open.

    Raises SettingsInvalid when the address cannot be listened on, and what `open_system` raises.
    """
    check_settings(settings)
    listener = listen(settings.host, settings.port)
    bound_port: int = listener.getsockname()[1]
    failures: list[Exception] = []

    @contextmanager
    def opening() -> Iterator[System]:
        with open_system(settings) as system:
            on_ready(bound_port)
            yield system

    def fail(exc: Exception) -> None:
        failures.append(exc)
        server.should_exit = True

    limiter = limiter_of(settings)
    app = create_opening_app(settings, opening, on_failure=fail, work=ServerWork(ServerMetrics(), limiter))
    shutdown_state: ShutdownState = app.state.vultus.shutdown_state
    protocol = protocol_of(limiter, settings.header_seconds, prefix=settings.root_path)
    server = GracefulServer(server_config(app, settings, protocol), shutdown_state, settings.grace_seconds)

    def stop(*_: object) -> None:
        server.should_exit = True

    with listener, handling(stop):  # uvicorn raises the signal that stopped it again when it is done
        server.run(sockets=[listener])
    if failures:
        raise failures[0]
    if shutdown_state.over:
        end_with_threads()


class GracefulServer(uvicorn.Server):
    """Stops as uvicorn does, and cancels the requests that are not answered when the shutdown time is over."""

    def __init__(self, config: uvicorn.Config, shutdown_state: ShutdownState, seconds: float) -> None:
        """seconds: for the requests under way when the server is told to stop."""
        super().__init__(config)
        self._shutdown_state, self._seconds = shutdown_state, seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, finish the requests under way in time, cancel the rest."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(LATE_SECONDS, self._close_late_connections)
        over = loop.call_later(self._seconds, self._shutdown_state.cancel_all)
        await super().shutdown(sockets)
        late.cancel()
        over.cancel()

    def _close_late_connections(self) -> None:
        """Close connections that were accepted but unknown to uvicorn when it told all to close after their answer."""
        for connection in tuple(self.server_state.connections):
            connection.shutdown()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsInvalid with what is wrong with the address."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise SettingsInvalid(_why_not(exc, host, port)) from exc


def _why_not(exc: OSError, host: str, port: int) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use already; stop what uses it, or choose another with --port or VULTUS_PORT"
        )
    if exc.errno == errno.EACCES:
        return f"port {port} is closed to this user; choose one above 1023 with --port or VULTUS_PORT"
    reason = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
    return f"cannot listen on {host} port {port} ({reason}); choose another address with --host or VULTUS_HOST"


def end_with_threads() -> NoReturn:
    """End the process while threads still work on cancelled requests: the interpreter would wait for them.

    Safe: everything is closed, and a change is either committed or rolled back.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def limiter_of(settings: Settings) -> ConnectionLimiter:
    """The limit of connections of a server, as far as this process may open files."""
    return ConnectionLimiter(raise_open_file_limit(settings.max_connections))


def server_config(app: FastAPI, settings: Settings, protocol: type[BoundedHttpProtocol]) -> uvicorn.Config:
    """The settings of uvicorn. protocol: of each connection."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.grace_seconds) + LAST_ANSWERS_SECONDS,
    )


log = logging.getLogger(__name__)

OTHER_FILES = 256  # for the database, photos, models, and connections above the limit


def raise_open_file_limit(wanted: int) -> int:
    """Raise the limit of open files as far as needed and allowed; returns how many connections it leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _raised(soft, hard, wanted + OTHER_FILES)
    possible = max(1, min(wanted, limit - OTHER_FILES))
    if possible < wanted:
        log.warning(
            "this process may open %d files (ulimit -n): %d connections instead of VULTUS_MAX_CONNECTIONS=%d",
            *(limit, possible, wanted),
        )
    return possible


def _raised(soft: int, hard: int, needed: int) -> int:
    """The limit after raising it. RLIM_INFINITY is negative on some systems, so it is compared by name."""
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except (ValueError, OSError):
        return soft
    return limit

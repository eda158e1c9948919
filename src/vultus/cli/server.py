"""The HTTP server process: the socket, the signals, uvicorn."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import uvicorn
from fastapi import FastAPI

from vultus.api.app import create_opening_app
from vultus.cli.patience import PatientProtocol
from vultus.cli.signals import handling
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.wiring import System, check

BACKLOG = 2048
GRACE_SECONDS = 8  # for requests under way; `docker stop` kills after 10


def run_server(
    settings: Settings,
    open_system: Callable[[Settings], AbstractContextManager[System]],
    *,
    on_ready: Callable[[System, int], None],
) -> None:
    """Serve until a signal, then return. on_ready: called with the open system and the port.

    Raises SettingsInvalid when the address cannot be listened on, and what `open_system` raises.
    """
    check(settings)
    listener = listen(settings.host, settings.port)
    bound_port: int = listener.getsockname()[1]
    failures: list[Exception] = []

    @contextmanager
    def opening() -> Iterator[System]:
        with open_system(settings) as system:
            on_ready(system, bound_port)
            yield system

    def fail(exc: Exception) -> None:
        failures.append(exc)
        server.should_exit = True

    server = uvicorn.Server(_config(create_opening_app(settings, opening, on_failure=fail)))

    def stop(*_: object) -> None:
        server.should_exit = True

    with listener, handling(stop):  # uvicorn raises the signal that stopped it once more when it is done
        server.run(sockets=[listener])
    if failures:
        raise failures[0]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsInvalid with what is wrong with the address."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise SettingsInvalid(_why_not(exc, host, port)) from exc


def _why_not(exc: OSError, host: str, port: int) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use already; stop what uses it, or choose another with --port"
    if exc.errno == errno.EACCES:
        return f"port {port} is closed to this user; choose one above 1023 with --port"
    reason = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
    return f"cannot listen on {host} port {port} ({reason}); choose another address with --host"


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )

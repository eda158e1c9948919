"""The application on a real socket, for clients that are programs of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.waiting import wait_until
from vultus.api.app import create_app


@contextmanager
def serving(system: Any, port: int = 0) -> Iterator[int]:
    """The port at which the application answers. port: 0: a free one."""
    server = uvicorn.Server(uvicorn.Config(create_app(system), port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server to start")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()

"""Connections of httpcore to an address that was checked, with one time limit for the whole request."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpcore


def look_up_in_time(look_up: Callable[[], Sequence[str]], seconds: float) -> Sequence[str]:
    """Look up a name within `seconds`. Raises OSError.

    The resolver's own time limits are longer and cannot be set per call, so it runs in a thread that is abandoned.
    """
    found: list[Sequence[str] | OSError | UnicodeError] = []

    def run() -> None:
        try:
            found.append(look_up())
        except (OSError, UnicodeError) as exc:
            found.append(exc)

    thread = threading.Thread(target=run, name="vultus-look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError("the name was not looked up in time")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


class PinnedBackend(httpcore.NetworkBackend):
    """Connects with `open_` instead of by name, and ends every wait when the time of the request is over."""

    def __init__(self, open_: Callable[[str, int], socket.socket], seconds_left: Callable[[], float]) -> None:
        self._open, self._seconds_left = open_, seconds_left

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        return _TimedStream(self._open(host, port), self._seconds_left)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, connection: socket.socket, seconds_left: Callable[[], float]) -> None:
        self._connection, self._seconds_left = connection, seconds_left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._connection.settimeout(self._seconds_left())
        return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._connection.settimeout(self._seconds_left())
        try:
            self._connection.sendall(buffer)
        except OSError as exc:
            # httpcore goes on to read after a WriteError: the server may have answered before it closed
            raise httpcore.WriteError("the server closed its side") from exc

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._connection.settimeout(self._seconds_left())
        try:
            secure = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except BaseException:
            self._connection.close()
            raise
        return _TimedStream(secure, self._seconds_left)

    def get_extra_info(self, info: str) -> Any:
        return None

"""Over real sockets: what callers without a key can do to the log, and to callers with one."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.test_connection_limits import cut_off
from tests.server.test_sockets import KEY, Served, received, serving
from tests.server.test_uvicorn_contract import answer, connected
from tests.waiting import patient, wait_until
from vultus.api.middleware.overload import KNOWN_CALLER
from vultus.server.connections import ConnectionLimiter
from vultus.server.http_protocol import protocol_of

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing the socket resets the connection


def script_of(server: Served) -> str:
    """The path of the largest public file."""
    found = re.search(r"[^\"']*swagger-ui-bundle\.js", server.get("/docs").text)
    assert found is not None
    return "/" + found[0].removeprefix("/")


def asked(path: str, **headers: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()


@contextmanager
def slow_readers(server: Served, request: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Connections that take nothing of their answer."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(patient())
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(request)
            sockets.append(connection)
        yield sockets


@pytest.mark.parametrize("path", ["script", "/openapi.json", "/docs", "/health", "/nothing"])
def test_connections_reset_in_the_middle_of_pipelined_answers_write_nothing(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, VULTUS_LOG_LEVEL="warning") as server:  # without a line for each request
        request = asked(script_of(server) if path == "script" else path) * 8
        for _ in range(30):
            connection = server.send(request)
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()
        assert server.get("/health").status_code == 200
        written = server.stop()
    assert written == ""


def test_slow_readers_of_public_pages_leave_the_connections_to_callers_with_keys(tmp_path: Path) -> None:
    limits = {"VULTUS_MAX_CONNECTIONS": "16", "VULTUS_HEADER_SECONDS": str(patient())}
    with serving(tmp_path, **limits) as server:
        request = asked(script_of(server)) * 4
        with slow_readers(server, request, 30) as sockets:
            assert server.get("/collections", **{"x-api-key": KEY}).status_code == 200
            wait_until(lambda: sum(cut_off(one) for one in sockets) >= 28, "all but two slow readers to be cut off")
            assert server.get("/collections", **{"x-api-key": KEY}).status_code == 200
        written = server.stop()
    assert 1 <= written.count("VULTUS_MAX_CONNECTIONS") <= 2  # those refused, those closed


@pytest.mark.parametrize(("marks", "slow"), [({}, 1), ({KNOWN_CALLER: True}, 0)])
def test_only_callers_without_an_accepted_key_count_as_slow(marks: dict[str, Any], slow: int) -> None:
    counted: list[object] = []

    class Limiter(ConnectionLimiter):
        def slowed(self, connection: Any) -> None:
            counted.append(connection)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"].update(marks)
        await receive()
        await answer(scope, receive, send)

    async def scenario() -> None:
        protocol = connected(protocol_of(Limiter(8), 9.0), app)
        protocol.data_received(asked("/collections") + asked("/docs"))  # the second is not answered yet
        await asyncio.sleep(0)
        protocol.pause_writing()
        protocol.connection_lost(None)

    asyncio.run(scenario())
    assert len(counted) == slow


@pytest.mark.parametrize("prefix", ["", "/faces"])
def test_a_public_page_behind_a_path_prefix_counts_as_one(prefix: str) -> None:
    counted: list[bool] = []

    class Limiter(ConnectionLimiter):
        def request_started(self, connection: Any, *, public: bool = False) -> None:
            counted.append(public)

    async def scenario() -> None:
        protocol = connected(protocol_of(Limiter(8), 9.0, prefix="/faces"), answer)
        protocol.data_received(asked(f"{prefix}/docs"))
        protocol.connection_lost(None)

    asyncio.run(scenario())
    assert counted == [True]


def test_requests_sent_far_ahead_of_their_answers_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        some = received(server.send(asked("/health") * 20 + asked("/health", Connection="close")))
        assert some.count(b"HTTP/1.1 200") == 21
        answers = received(server.send(asked("/health") * 3_000))
        assert answers.count(b"HTTP/1.1 ") < 1_000
        assert b"request_too_large" in answers

"""Over real sockets: idle connections, answers that are not read, overload, and shutdown under load."""

from __future__ import annotations

import resource
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.test_sockets import KEY, Served, ask, head, held, received, refused, serving
from tests.waiting import patient, wait_until

SILENT = 1_200


@contextmanager
def silent(server: Served, count: int) -> Iterator[list[socket.socket]]:
    """Connections that send nothing, or never finish their headers."""
    with ExitStack() as stack:
        sockets = []
        for i in range(count):
            sockets.append(stack.enter_context(server.send(b"GET /health HTTP/1.1\r\nX:" if i % 2 else b"")))
        yield sockets


def closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def cut_off(connection: socket.socket) -> bool:
    """Whether the other side has closed, found out without reading: an empty line between requests is then refused."""
    try:
        connection.send(b"\r\n")
    except OSError:
        return True
    return False


@pytest.fixture(scope="module")
def enough_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < SILENT + 500:
        if hard != resource.RLIM_INFINITY and hard < SILENT + 500:
            pytest.skip(f"{hard} files may be open at once, fewer than the sockets of this test")
        resource.setrlimit(resource.RLIMIT_NOFILE, (SILENT + 500, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("enough_files")
def test_1200_silent_connections_lock_nobody_out(tmp_path: Path) -> None:
    with serving(tmp_path, VULTUS_HEADER_SECONDS="3") as server:
        with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=patient()) as client:
            assert client.get("/collections").status_code == 200
            with silent(server, SILENT) as sockets:
                begun = time.monotonic()
                assert client.get("/collections").status_code == 200
                assert server.get("/collections", **{"x-api-key": KEY}).status_code == 200
                assert server.get("/health").status_code == 200
                print(f"\n{SILENT} silent connections: three calls in {time.monotonic() - begun:.3f} s")
                wait_until(lambda: all(closed(one) for one in sockets), "the silent connections to be closed")
                print(f"all closed {time.monotonic() - begun:.1f} s later (limit 3 s)")
        written = server.stop()
    assert written.count("VULTUS_MAX_CONNECTIONS") == 1


def test_overload_is_answered_queue_full_and_health_still_ok(tmp_path: Path) -> None:
    limits = {"VULTUS_MAX_CONNECTIONS": "2", "VULTUS_COMPUTE_SLOTS": "1", "VULTUS_QUEUE_WAIT_SECONDS": str(patient())}
    with serving(tmp_path, **limits) as server:
        with held(server, 2) as calls:
            answer = server.get("/collections", **{"x-api-key": KEY})
            assert (answer.status_code, answer.json()["error"]) == (503, "queue_full")
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["connection"] == "close"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            health = server.get("/health")
            assert (health.status_code, health.headers["connection"]) == (200, "close")
        assert [call.result().status_code for call in calls] == [200, 200]
        assert server.get("/collections", **{"x-api-key": KEY}).status_code == 200


def test_a_connection_that_does_not_read_its_answer_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, VULTUS_HEADER_SECONDS="1") as server:
        page = server.get("/docs").text
        script = next(part for part in page.split('"') if part.endswith("swagger-ui-bundle.js"))
        path = "/" + script.removeprefix("/")
        whole = len(server.get(path).content)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
        wait_until(lambda: cut_off(connection), "the connection to be closed")
        taken = 0
        try:
            while part := connection.recv(65536):
                taken += len(part)
        except OSError:
            pass
        connection.close()
    assert taken < 20 * whole


# --- shutdown --------------------------------------------------------------------------------------------------------


def test_waiting_requests_are_answered_not_ready_when_the_shutdown_time_is_over(tmp_path: Path) -> None:
    limits = {"VULTUS_COMPUTE_SLOTS": "1", "VULTUS_QUEUE_WAIT_SECONDS": "60", "VULTUS_SHUTDOWN_SECONDS": "1"}
    with serving(tmp_path, **limits) as server, held(server, 4) as calls:
        slow = server.send(head("/represent", "Content-Length: 1000") + b"{")
        server.process.send_signal(signal.SIGTERM)
        answers = [call.result() for call in calls]
        assert [(one.status_code, one.json()["error"]) for one in answers] == [(503, "not_ready")] * 4
        assert all(one.headers["retry-after"] for one in answers)
        assert received(slow).startswith(b"HTTP/1.1 503")
        assert server.process.wait(timeout=patient()) == 0
        assert "Traceback" not in server.stop()


def test_the_shutdown_time_follows_from_the_longest_wait(tmp_path: Path) -> None:
    limits = {"VULTUS_COMPUTE_SLOTS": "1", "VULTUS_QUEUE_WAIT_SECONDS": str(patient(1))}
    with serving(tmp_path, **limits) as server:
        with held(server, 3) as calls:
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: sum(call.done() for call in calls) == 2, "the two calls in the queue to time out")
        answers = sorted((call.result() for call in calls), key=lambda one: one.status_code)
        assert [one.status_code for one in answers] == [200, 503, 503]
        assert {one.json()["error"] for one in answers[1:]} == {"queue_timeout"}
        assert server.process.wait(timeout=patient()) == 0


def test_every_accepted_request_is_answered_under_load(tmp_path: Path) -> None:
    """Clients ask until they are refused: each call is answered, or never got a connection."""
    with serving(tmp_path, VULTUS_COMPUTE_SLOTS="1", VULTUS_QUEUE_SIZE="4") as server:
        answered: list[int] = []

        def ask_until_refused(_: int) -> list[int]:
            statuses = []
            while True:
                try:
                    statuses.append(ask(server, str(uuid.uuid4())).status_code)
                    answered.append(statuses[-1])
                except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError) as exc:
                    lost = not isinstance(exc, httpx.ConnectError)
                    return [*statuses, -1] if lost and not refused(server) else statuses

        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(ask_until_refused, i) for i in range(8)]
            wait_until(lambda: answered.count(200) > 20, "20 answers under load")
            server.process.send_signal(signal.SIGTERM)
            statuses = [status for client in clients for status in client.result()]
        assert server.process.wait(timeout=patient()) == 0
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 10

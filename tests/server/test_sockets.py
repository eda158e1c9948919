"""Over real sockets and a real process: slow and large requests, overload, shutdown, secrets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.waiting import patient, wait_until

KEY = "sk-0123456789abcdef0123456789abcdef-secret"
LIMITS = {"VULTUS_MAX_BODY_BYTES": "200000", "VULTUS_REQUEST_SECONDS": "1", "VULTUS_HEADER_SECONDS": "1"}
ROOT = Path(__file__).parents[2]


@dataclass
class Served:
    """A server process."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    log: IO[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=patient())

    def send(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=patient())
        connection.sendall(data)
        return connection

    def stop(self) -> str:
        """Stop the process; returns everything that it wrote."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=patient())
        return out + whole(self.log)


def whole(log: IO[str]) -> str:
    """All that an ended process wrote to a file."""
    log.seek(0)
    return log.read()


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    with TemporaryFile("w+") as log:  # not a pipe: nobody reads that while the server runs, and a full one stops it
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.small_server", str(folder)],
            env={**kept, "VULTUS_ADMIN_KEY": KEY, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **environment},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, whole(log)
            server = Served(process, int(line), folder, log)
            wait_until(lambda: server.get("/readiness").status_code == 200, "the server to be ready")
            yield server
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server"), **LIMITS) as served:
        yield served


def received(connection: socket.socket) -> bytes:
    """All bytes until the other side closes."""
    parts = []
    with connection:
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def head(path: str = "/represent", *lines: str) -> bytes:
    text = "".join(f"{line}\r\n" for line in lines)
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n{text}\r\n".encode()


# --- slow and large -----------------------------------------------------------------------------------------------


def test_headers_that_do_not_end_close_the_connection(server: Served) -> None:
    begun = time.monotonic()
    assert received(server.send(b"POST /represent HTTP/1.1\r\nHost: x\r\n")) == b""
    assert received(server.send(b"")) == b""
    assert time.monotonic() - begun < patient(10)


def test_a_second_request_on_a_connection_may_not_arrive_slowly_either(server: Served) -> None:
    connection = server.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    first = connection.recv(65536)
    assert first.startswith(b"HTTP/1.1 200")
    connection.sendall(b"GET /health HTTP/1.1\r\nHost")
    assert b"HTTP/1.1" not in received(connection)


def test_a_slow_body_is_408_and_the_connection_closed(server: Served) -> None:
    answer = received(server.send(head("/represent", "Content-Length: 1000") + b"{"))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"error":"invalid_request"' in answer


def test_an_announced_body_is_refused_before_it_is_sent(server: Served) -> None:
    answer = received(server.send(head("/represent", "Content-Length: 200001", "Expect: 100-continue")))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


def test_a_chunked_body_is_cut_off_at_the_limit(server: Served) -> None:
    connection = server.send(head("/represent", "Transfer-Encoding: chunked"))
    sent = 0
    try:
        while sent < 50_000_000:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
    except OSError:
        pass
    assert sent < 10_000_000  # the socket's own buffers, not ours
    connection.close()
    assert server.get("/health").status_code == 200


def test_no_key_no_upload(server: Served) -> None:
    asked = b"POST /represent HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
    connection = server.send(asked)
    assert connection.recv(65536).startswith(b"HTTP/1.1 401")
    connection.close()


def test_probes_by_head_have_no_body(server: Served) -> None:
    answer = received(server.send(b"HEAD /readiness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


# --- overload and shutdown ----------------------------------------------------------------------------------------


def ask(server: Served, request_id: str) -> httpx.Response:
    headers = {"x-api-key": KEY, "x-request-id": request_id}
    return httpx.post(f"{server.url}/represent", files={"img": drawn_photo(1)}, headers=headers, timeout=patient())


def under_way(server: Served, request_id: str) -> bool:
    """Whether the request runs: its id is refused then."""
    return server.get("/health", **{"x-request-id": request_id}).status_code == 409


def ask_until_accepted(server: Served, request_id: str) -> httpx.Response:
    """Asks again while `under_way`, which asks with the same id, has come first."""
    while (answer := ask(server, request_id)).status_code == 409:
        pass
    return answer


@contextmanager
def held(server: Served, count: int) -> Iterator[list[Future[httpx.Response]]]:
    """Requests that have been accepted and are not answered yet."""
    (server.folder / "hold").touch()
    with ThreadPoolExecutor(count) as pool:
        try:
            ids = [str(uuid.uuid4()) for _ in range(count)]
            calls = [pool.submit(ask_until_accepted, server, request_id) for request_id in ids]
            for request_id in ids:
                wait_until(lambda request_id=request_id: under_way(server, request_id), "a request to be accepted")
            yield calls
        finally:
            (server.folder / "go").touch()


def test_a_full_queue_and_a_long_wait_are_said_and_the_server_goes_on(tmp_path: Path) -> None:
    limits = {"VULTUS_COMPUTE_SLOTS": "1", "VULTUS_QUEUE_SIZE": "1", "VULTUS_QUEUE_WAIT_SECONDS": "0.5"}
    with serving(tmp_path, **limits) as server:
        with held(server, 1) as calls:
            with ThreadPoolExecutor(2) as pool:
                others = list(pool.map(lambda _: ask(server, str(uuid.uuid4())), range(2)))
            assert sorted(answer.json()["error"] for answer in others) in (
                ["queue_full", "queue_timeout"],
                ["queue_timeout", "queue_timeout"],  # one after the other
            )
            assert all(answer.status_code == 503 and answer.headers["retry-after"] for answer in others)
        assert calls[0].result().status_code == 200
        assert ask(server, str(uuid.uuid4())).status_code == 200


def test_a_server_whose_log_nobody_reads_goes_on(tmp_path: Path) -> None:
    """More lines than a pipe holds: 64 KiB on Linux. Only the lines of callers with a key are not bounded."""
    with serving(tmp_path) as server, httpx.Client(headers={"x-api-key": KEY}, timeout=patient()) as client:
        for _ in range(700):
            assert client.get(f"{server.url}/keys/self").status_code == 200
        assert len(server.stop()) > 1 << 16


def test_what_was_accepted_is_finished_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path, VULTUS_COMPUTE_SLOTS="1", VULTUS_QUEUE_SIZE="8") as server:
        with held(server, 3) as calls:
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refused(server), "new connections to be refused")
        assert [call.result().status_code for call in calls] == [200, 200, 200]
        assert server.process.wait(timeout=patient()) == 0


def refused(server: Served) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=patient()).close()
    except ConnectionError:
        return True
    return False


# --- secrets ------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_written_or_shown_in_the_process_list(tmp_path: Path) -> None:
    photo = drawn_photo(1)
    embedding_text = "0.12345678901234567"
    with serving(tmp_path, **LIMITS) as server:
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b""
        answers = list(_failures(server, photo, embedding_text))
        assert all(answer.status_code >= 400 for answer in answers)
        written = server.stop()
    for text in (written, command.decode(), *(answer.text for answer in answers)):
        for secret in (
            KEY,
            "Anna Secret",
            "anna-secret-id",
            "c2VjcmV0LWltYWdl",
            embedding_text,
            "hunter2",
            "Traceback",
        ):
            assert secret not in text
    assert str(tmp_path) not in "".join(answer.text for answer in answers)


def _failures(server: Served, photo: bytes, number: str) -> Iterator[httpx.Response]:
    named = {"subject": "anna-secret-id", "name": "Anna Secret"}
    with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=patient()) as client:
        yield client.post("/represent", json={"img": "c2VjcmV0LWltYWdl"})
        yield client.post("/represent", content=b'{"img": "c2VjcmV0LWltYWdl"')
        yield client.post("/enroll", files={"img": b"c2VjcmV0LWltYWdl"}, data=named)
        yield client.post("/enroll", files={"img": photo}, data={**named, "min_quality": "100"})
        yield client.post("/enroll", files={"img": photo}, data={**named, "metadata": "{hunter2"})
        yield client.post("/verify", files={"img": photo}, data={"subject": "anna-secret-id"})
        yield client.post("/find", files={"img": photo}, data={"collection": "none"})
        yield client.get("/collections/none/subjects/anna-secret-id")
        yield client.post("/compare", json={"source_vector": [float(number)], "target_vector": [1.0]})
        yield client.get("/collections", headers={"x-api-key": "hunter2"})
        yield client.get("/collections", headers={"authorization": f"Bearer {KEY}x"})
        yield client.get(f"/collections?key={KEY}", headers={"x-api-key": ""})
        yield client.post("/represent", content=b"x" * 200_001)
        yield client.post("/represent", json={"img": "http://hunter2@127.0.0.1/"})

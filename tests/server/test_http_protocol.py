"""Over real sockets: bytes that are no plain HTTP/1.1 request, or too large a head."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.server.test_sockets import KEY, Served, head, received, serving

BODY = b'{"img":"x"}'
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("strict"), VULTUS_HEADER_SECONDS="2") as served:
        yield served


def status_and_body(answer: bytes) -> tuple[int, dict[str, str]]:
    headers, _, body = answer.partition(b"\r\n\r\n")
    return int(headers.split()[1]), json.loads(body)


ODD = {
    "words": b"no http\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two lengths": head("/represent", "Content-Length: 11", "Content-Length: 12") + BODY,
    "the same length twice": head("/represent", "Content-Length: 11", "Content-Length: 11") + BODY,
    "a list of lengths": head("/represent", "Content-Length: 11, 11") + BODY,
    "a negative length": head("/represent", "Content-Length: -1") + BODY,
    "a length of 26 digits": head("/represent", "Content-Length: 99999999999999999999999999") + BODY,
    "chunks and a length": head("/represent", "Transfer-Encoding: chunked", "Content-Length: 4") + BODY,
    "a space before the colon": head("/represent", "Transfer-Encoding : chunked") + BODY,
    "chunked not last": head("/represent", "Transfer-Encoding: chunked, identity") + BODY,
    "a negative chunk": head("/represent", "Transfer-Encoding: chunked") + b"-1\r\n" + BODY,
    "a folded header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a NUL in a header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "a NUL in the path": b"GET /hea\x00lth HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "line feeds only": b"GET /health HTTP/1.1\nHost: x\n\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT elsewhere:80 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_http_is_refused_in_the_one_shape(server: Served, name: str) -> None:
    answer = received(server.send(ODD[name]))
    status, body = status_and_body(answer)
    assert (status, body["error"], set(body)) == (400, "invalid_request", {"error", "detail", "request_id"})
    assert answer.count(b"HTTP/1.1 400 Bad Request\r\n") == 1
    for header in (b"connection: close", b"cache-control: no-store", b"x-content-type-options: nosniff"):
        assert b"\r\n" + header + b"\r\n" in answer


LARGE = {
    "one long header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 300_000 + b"\r\n\r\n",
    "a header without end": b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 1_000_000,
    "many headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1_000 + b"\r\n",
    "a long path": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long trailers": head("/represent", JSON, "Transfer-Encoding: chunked")
    + b"b\r\n"
    + BODY
    + b"\r\n0\r\nX: "
    + b"y" * 1_000_000,
    "a long extension of a chunk": head("/represent", JSON, "Transfer-Encoding: chunked") + b"b;" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", LARGE)
def test_headers_are_bounded(server: Served, name: str) -> None:
    connection = server.send(b"")
    with connection:
        try:
            connection.sendall(LARGE[name])
            answer = received(connection)
        except (BrokenPipeError, ConnectionResetError):
            return  # closed before all of it was sent
    status, body = status_and_body(answer)
    assert (status, body["error"]) == (431, "request_too_large")


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 431)])
@pytest.mark.parametrize("piece", [1_000, 100_000])
def test_the_bound_is_the_same_however_the_headers_arrive(server: Served, size: int, status: int, piece: int) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: " + b"b" * size + b"\r\n\r\n"
    connection = server.send(b"")
    with connection:
        try:
            for start in range(0, len(request), piece):
                connection.sendall(request[start : start + piece])
            answer = received(connection)
        except (BrokenPipeError, ConnectionResetError):
            assert status == 431
            return  # closed before all of it was sent
    assert status_and_body(answer)[0] == status


def test_a_large_body_in_small_chunks_is_no_large_header(server: Served) -> None:
    spaces = b"1\r\n \r\n" * 100_000
    chunks = head("/represent", JSON, "Connection: close", "Transfer-Encoding: chunked")
    answer = received(server.send(chunks + spaces + b"b\r\n" + BODY + b"\r\n0\r\n\r\n"))
    assert status_and_body(answer)[1]["error"] == "invalid_image"


def test_a_trailer_does_not_authenticate(server: Served) -> None:
    lines = ("POST /represent HTTP/1.1", "Host: x", JSON, "Connection: close", "Transfer-Encoding: chunked")
    chunks = b"b\r\n" + BODY + b"\r\n0\r\nx-api-key: " + KEY.encode() + b"\r\n\r\n"
    answer = received(server.send("\r\n".join(lines).encode() + b"\r\n\r\n" + chunks))
    assert status_and_body(answer)[1]["error"] == "missing_api_key"


def test_an_offer_of_another_protocol_is_declined_and_the_connection_closed(server: Served) -> None:
    """Java's HTTP client offers HTTP/2 with each first request; uvicorn's parser reads nothing after it."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    lines = "\r\n".join(("GET /health HTTP/1.1", "Host: x", *offer))
    answer = received(server.send(lines.encode() + b"\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close" in answer
    status, body = status_and_body(received(server.send(head("/represent", JSON, "Content-Length: 11", *offer) + BODY)))
    assert status == 400
    assert "HTTP/1.1 only" in body["detail"]


def test_many_requests_at_once_are_answered_in_order(server: Served) -> None:
    ids = [f"123e4567-e89b-12d3-a456-{i:012d}" for i in range(500)]
    asked = "".join(f"GET /health HTTP/1.1\r\nHost: x\r\nx-request-id: {one}\r\n\r\n" for one in ids)
    answers = received(server.send(asked.encode()))
    assert re.findall(rb"x-request-id: (\S+)", answers) == [one.encode() for one in ids]


def test_malformed_requests_leave_no_line_in_the_log(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("quiet"), VULTUS_LOG_LEVEL="warning") as server:
        for data in (*ODD.values(), LARGE["many headers"]):
            server.send(data).close()
        server.send(head("/represent", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 3") + b"xxx")
        assert server.stop() == ""

"""The log has one line a request, with ids and numbers only."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import photo
from vultus.server.log_lines import LINES, BoundedHandler

ID = "123e4567-e89b-42d3-a456-426614174000"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the server's log in JSON would hold of requests."""
    logger, stream = logging.getLogger("vultus.api.middleware.request_log"), io.StringIO()
    handler, before = BoundedHandler(stream, log_format="json"), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def lines(stream: io.StringIO, message: str = "answered") -> list[dict[str, Any]]:
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in written if line["message"] == message]


def test_a_request_has_a_line_with_its_ids_route_status_and_time(client: TestClient, stream: io.StringIO) -> None:
    headers = {"x-request-id": ID, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    client.get("/collections/default/subjects/Anna", headers=headers)
    (line,) = lines(stream)
    known = {name: line[name] for name in ("request", "trace", "key", "method", "route", "status", "code")}
    assert known == {
        "request": ID,
        "trace": TRACE,
        "key": "k0",
        "method": "GET",
        "route": "/collections/{collection}/subjects/{subject}",
        "status": 404,
        "code": "subject_not_found",
    }
    assert line["ms"] > 0
    assert "Anna" not in stream.getvalue()


def test_a_valid_trace_is_handed_back_as_it_came(client: TestClient, stream: io.StringIO) -> None:
    later = f"01-{TRACE}-b7ad6b7169203331-00-what-comes"  # of a version to come, W3C Trace Context, section 4.3
    for sent in (f"00-{TRACE}-b7ad6b7169203331-01", later):
        assert client.get("/collections", headers={"traceparent": sent}).headers["traceparent"] == sent
    assert [line["trace"] for line in lines(stream)] == [TRACE, TRACE]


@pytest.mark.parametrize(
    "sent",
    [
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-b7ad6b7169203331-01-more",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331",
        f"01-{TRACE}-b7ad6b7169203331-01-{'x' * 300}",
    ],
)
def test_an_invalid_trace_is_no_fault_and_no_trace(client: TestClient, stream: io.StringIO, sent: str) -> None:
    answer = client.get("/collections", headers={"traceparent": sent})
    assert answer.status_code == 200
    assert "traceparent" not in answer.headers
    assert [line["trace"] for line in lines(stream)] == [None]


def test_two_traces_are_none(client: TestClient, stream: io.StringIO) -> None:
    one = f"00-{TRACE}-b7ad6b7169203331-01"
    assert "traceparent" not in client.get("/health", headers=[("traceparent", one)] * 2).headers


def test_a_request_whose_id_is_refused_has_a_line_too(client: TestClient, stream: io.StringIO) -> None:
    answer = client.get("/collections", headers={"x-request-id": "Anna"})
    (line,) = lines(stream)
    assert (line["status"], line["code"], line["request"]) == (400, "invalid_request", answer.headers["x-request-id"])
    assert "Anna" not in stream.getvalue()


def test_a_trace_that_is_none_and_an_unknown_path_are_not_repeated(client: TestClient, stream: io.StringIO) -> None:
    client.get("/Anna", headers={"traceparent": "Anna"})
    (line,) = lines(stream)
    assert (line["status"], line["code"], line["route"]) == (404, "not_found", None)
    assert "Anna" not in stream.getvalue()


def test_wrong_keys_have_a_bounded_line_with_the_address_and_known_callers_are_not_bounded(
    client: TestClient, stream: io.StringIO
) -> None:
    for _ in range(2 * LINES):
        client.get("/collections", headers={"x-api-key": "guessed"})
    assert {line["peer"] for line in lines(stream, "no valid key")} == {"testclient"}
    assert len(lines(stream, "no valid key")) == len(lines(stream)) == LINES
    for _ in range(2 * LINES):
        client.get("/collections")
    assert len(lines(stream)) == 3 * LINES
    assert "guessed" not in stream.getvalue()


def test_a_fault_of_the_server_has_its_code(client: TestClient, stream: io.StringIO) -> None:
    client.post("/verify", files={"img1": photo("crash"), "img2": photo()})
    (line,) = lines(stream)
    assert (line["status"], line["code"]) == (500, "internal")

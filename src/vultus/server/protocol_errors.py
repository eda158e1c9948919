"""Error answers of the protocol: for bytes that are no HTTP request, or too large a head. The app never sees these."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from starlette.responses import Response

from vultus.api.errors import Problem, error_response
from vultus.api.middleware.security_headers import set_security_headers

NOT_HTTP = Problem(
    400,
    "invalid_request",
    "this is not a valid HTTP/1.1 request; look at its request line, its headers and the length of its body",
)
UPGRADE_WITH_BODY = Problem(
    400,
    "invalid_request",
    "this server speaks HTTP/1.1 only; send the body without an Upgrade header (in Java: HttpClient.Version.HTTP_1_1)",
)


def headers_too_large(max_bytes: int, max_headers: int) -> Problem:
    """The problem of a request whose line and headers, or trailers, are too large."""
    sentence = f"the headers are over the limit of {max_bytes} bytes or {max_headers} lines; send fewer, or shorter"
    return Problem(431, "request_too_large", sentence)


def too_many_ahead(most: int) -> Problem:
    """The problem of a connection that sends requests and waits for no answer."""
    sentence = f"more than {most} requests were sent before the answer to the first; wait for answers"
    return Problem(413, "request_too_large", sentence)


def protocol_error_response(problem: Problem) -> Response:
    """The answer in the one error shape, with a new request id; the connection is to be closed after it."""
    request_id = str(uuid.uuid4())
    answer = error_response(problem, request_id)
    set_security_headers(answer.headers)
    answer.headers.update(problem.headers)
    answer.headers["x-request-id"] = request_id
    answer.headers["connection"] = "close"
    return answer


def raw_protocol_error(problem: Problem) -> bytes:
    """The same answer as the bytes of HTTP/1.1."""
    answer = protocol_error_response(problem)
    lines = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
    first = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n".encode("ascii")
    return first + lines + b"\r\n" + bytes(answer.body)

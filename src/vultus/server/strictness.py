"""What is no plain HTTP/1.1 request is refused in the one shape of all refusals; uvicorn's parser is laxer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vultus.api.errors import Problem
from vultus.server.protocol_errors import NO_HTTP, UPGRADE_WITH_BODY, answer_unread, large_head

MAX_HEAD_BYTES = 64 * 1024  # of a request without its body: its line, headers, the frames of its chunks, trailers
MAX_HEADERS = 200
FRAMES = 9  # bytes of frames allowed to a byte of body: the smallest chunks have 5
BODY_HEADERS = (b"content-length", b"transfer-encoding")


class _Refused(Exception):
    """Stops the parser, which then calls `send_400_response`."""


class StrictProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose headers are bounded, whose trailers are dropped, and which changes to no other protocol."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_left = MAX_HEAD_BYTES  # of what is read, less the message's first piece, which may hold much else
        self._parsed = 0  # of the head, as far as it is understood
        self._fault = NO_HTTP

    def data_received(self, data: bytes) -> None:
        self._head_left -= len(data)
        super().data_received(data)
        if self._head_left < 0:
            self._refuse(large_head(MAX_HEAD_BYTES, MAX_HEADERS))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_left, self._parsed = MAX_HEAD_BYTES, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.scope.get("method"):
            return  # a trailer: once the headers are complete, nothing may change who asks, and for what
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        offered = self.parser.should_upgrade()
        if offered and any(name in BODY_HEADERS and value != b"0" for name, value in self.headers):
            raise self._stopped(UPGRADE_WITH_BODY)
        super().on_headers_complete()
        if offered:
            self.cycle.keep_alive = False  # the parser reads nothing after such a request

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_left = min(MAX_HEAD_BYTES, self._head_left + FRAMES * len(body))

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not take."""
        self._refuse(self._fault)

    def _count(self, size: int) -> None:
        self._parsed += size
        if self._parsed > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            raise self._stopped(large_head(MAX_HEAD_BYTES, MAX_HEADERS))

    def _stopped(self, problem: Problem) -> _Refused:
        self._fault = problem
        return _Refused()

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        answer = answer_unread(problem)
        lines = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        first = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n".encode("ascii")
        self.transport.write(first + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()

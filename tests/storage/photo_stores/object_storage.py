"""Object storage for tests: moto's server, which stands in for S3, and a server that fails as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

BUCKET = "vultus-photos"


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of moto's server, with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with urlopen(Request(f"http://{host}:{port}/{BUCKET}", method="PUT")) as answer:
            assert answer.status == 200
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class FailingServer(ThreadingHTTPServer):
    """Answers every request with this status and body, after this many seconds; counts them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body, self.seconds, self.requests = 200, b"", 0.0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that waits no longer is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: FailingServer

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests += 1
        time.sleep(self.server.seconds)
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def failing_server() -> Iterator[FailingServer]:
    server = FailingServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A server process on a real socket with the stand-in networks, and servers that answer what a test tells them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.server_process import wait_until_ready
from tests.waiting import patient
from vultus_client import Client

KEY = "sk-0123456789abcdef0123456789abcdef-client"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """A server process. settings: its environment."""

    process: subprocess.Popen[str]
    url: str

    def client(self, **options: object) -> Client:
        return Client(self.url, KEY, **options)


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Served]:
    """The small system as a server process; what an earlier one left in the folder is still there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.api.small_server", str(folder)],
        env={**kept, "VULTUS_ADMIN_KEY": KEY, "PYTHONPATH": path, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        wait_until_ready(url)
        yield Served(process, url)
    finally:
        process.kill()
        process.communicate(timeout=patient())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as one:
        yield one


@dataclass(frozen=True)
class Answer:
    """What a scripted server sends. drop: it closes the connection instead."""

    status: int = 200
    body: str = '{"status": "ok"}'
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass
class Scripted:
    """A server that gives its answers in turn, the last one for ever. asked: method and path of each request."""

    url: str
    answers: list[Answer]
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    servers = []

    def start(*answers: Answer) -> Scripted:
        script = Scripted("", list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
        script.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return script

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(timeout=patient())


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            script.asked.append(f"{self.command} {self.path}")
            script.headers.append(dict(self.headers))
            answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if answer.drop:
                self.close_connection = True
                return
            body = answer.body.encode()
            self.send_response(answer.status)
            for name, value in {"content-length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    return Handler


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


@pytest.fixture
def server_that_answers():
    """Starts a server whose every answer has the given status; its port. It keeps the paths that it was asked."""
    servers = []

    def start(status: int) -> tuple[int, list[str]]:
        asked: list[str] = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port, asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_ready_server_is_exit_code_0(run, server_that_answers):
    port, asked = server_that_answers(200)
    answer = run("health", "--port", port)
    assert (answer.exit_code, asked) == (0, ["/readiness"])
    assert answer.stdout == f"the server at 127.0.0.1:{port} is ready\n"


def test_the_server_is_found_by_the_settings(run, server_that_answers, monkeypatch):
    port, asked = server_that_answers(200)
    monkeypatch.setenv("VULTUS_HOST", "0.0.0.0")
    monkeypatch.setenv("VULTUS_PORT", str(port))
    assert run("health").exit_code == 0
    assert asked == ["/readiness"]


def test_a_server_that_is_not_ready_is_exit_code_1(run, server_that_answers):
    port, _ = server_that_answers(503)
    answer = run("health", "--port", port, "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {
        "ready": False,
        "detail": f"the server at 127.0.0.1:{port} is not ready: it answered 503",
    }


def test_no_server_is_exit_code_1_with_the_reason(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = run("health", "--port", port)
    assert answer.exit_code == 1
    assert f"the server at 127.0.0.1:{port} cannot be asked: Connection refused" in answer.stderr


def test_a_silent_server_is_not_waited_for_longer_than_asked(run):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = run("health", "--port", silent.getsockname()[1], "--seconds", "0.1")
    assert answer.exit_code == 1
    assert "has not answered within 0.1 s" in answer.stderr


def test_any_free_port_is_refused_with_the_way_out(run):
    answer = run("health", "--port", "0")
    assert answer.exit_code == 1
    assert "say with --port which one the server took" in answer.stderr

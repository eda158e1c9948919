"""The real `vultus serve` as a subprocess on a free port, and requests to it over HTTP on loopback."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 120.0
REQUEST_SECONDS = 60.0
STOP_SECONDS = 15.0
BOUNDARY = "vultus-benchmark-boundary"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
HERE = Path(__file__).parents[1]
KEPT = "VULTUS_MODEL_DIR"  # the only setting that the server gets from the environment

Fields = Mapping[str, bytes | str]


@dataclass(frozen=True)
class Server:
    """A ready server. started: time.perf_counter() when its process was begun."""

    process: subprocess.Popen[str]
    host: str
    port: int
    started: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=REQUEST_SECONDS)


@contextmanager
def serving(
    data_dir: Path,
    *,
    module: Sequence[str] = ("vultus", "serve"),
    settings: Mapping[str, str] | None = None,
    source: Path | None = None,
    with_keys: bool = False,
) -> Iterator[Server]:
    """A server of this data folder, ready; stopped at the end.

    module: run by Python, with arguments. settings: variables of the environment. source: the folder of another
    version's package. with_keys: it asks for them. Raises SystemExit when the server does not start.
    """
    command = [sys.executable, "-m", *module, "--port", "0", "--data-dir", str(data_dir)]
    command += [] if with_keys else ["--without-keys"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VULTUS_") or k == KEPT}
    path = [*([] if source is None else [str(source)]), str(HERE), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    environment |= settings or {}
    log_path = data_dir.parent / "server.log"
    started = time.perf_counter()
    with log_path.open("w") as log:
        process = subprocess.Popen(
            command, cwd=data_dir.parent, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        address = urlsplit(_first_line(process, log_path).split()[-1])
        server = Server(process, str(address.hostname), int(address.port or 0), started)
        _wait_until_ready(server)
        yield server
    finally:
        _stop(process)


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, bytes]:
    """The status and body of one response."""
    connection.request("POST", path, body, HEADERS)
    answer = connection.getresponse()
    return answer.status, answer.read()


def form(fields: Fields) -> bytes:
    """A multipart body; bytes are sent as a JPEG file."""
    parts = []
    for name, value in fields.items():
        if isinstance(value, bytes):
            head, data = f'name="{name}"; filename="photo.jpg"\r\nContent-Type: image/jpeg', value
        else:
            head, data = f'name="{name}"', value.encode()
        parts += [f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()  # the banner; it comes, or the process ends
    if not line:
        raise SystemExit("vultus serve did not start:\n" + log.read_text()[-2_000:])
    return line


def _wait_until_ready(server: Server) -> None:
    """Poll until the server is ready: its banner comes just before that."""
    while time.perf_counter() - server.started < START_SECONDS:
        connection = server.connect()
        try:
            connection.request("GET", "/readiness")
            if connection.getresponse().status == 200:
                return
        finally:
            connection.close()
        time.sleep(0.005)
    raise SystemExit(f"vultus serve was not ready after {START_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

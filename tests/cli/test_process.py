"""The true process: real models, a real photo, a real socket, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import httpx
import pytest

from tests import pictures
from tests.waiting import patient, wait_until

pytestmark = pytest.mark.real

VULTUS = (sys.executable, "-m", "vultus")
COMMAND_SECONDS, START_SECONDS = 180, 180  # the first start converts models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with people/astronaut/1.png and empty data."""
    folder = tmp_path_factory.mktemp("process")
    (folder / "people" / "astronaut").mkdir(parents=True)
    (folder / "people" / "astronaut" / "1.png").write_bytes(pictures.astronaut())
    return folder


def environment(model_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    return kept | {"VULTUS_MODEL_DIR": str(model_dir.absolute())}


def vultus(folder: Path, model_dir: Path, *arguments: str) -> dict:
    """The JSON answer of a command that succeeds."""
    done = subprocess.run(
        [*VULTUS, *arguments, "--json"],
        cwd=folder,
        env=environment(model_dir),
        capture_output=True,
        text=True,
        timeout=patient(COMMAND_SECONDS),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_import_find_import_again_doctor(folder, model_dir):
    assert vultus(folder, model_dir, "import", "people")["enrolled"] == 1
    (face,) = vultus(folder, model_dir, "find", "people/astronaut/1.png")["faces"]
    assert (face["decision"], face["matches"][0]["subject"]) == ("match", "astronaut")
    again = vultus(folder, model_dir, "import", "people")
    assert (again["enrolled"], again["already_there"]) == (0, 1)
    assert vultus(folder, model_dir, "doctor")["healthy"]


@contextmanager
def serving(folder: Path, model_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A server process, killed at the latest after START_SECONDS."""
    process = subprocess.Popen(
        [*VULTUS, "serve", "--port", "0", "--data-dir", "served"],
        cwd=folder,
        env=environment(model_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = Timer(patient(START_SECONDS), process.kill)
    deadline.start()
    try:
        yield process
    finally:
        deadline.cancel()
        process.kill()
        process.communicate()


def banner_of(process: subprocess.Popen[str]) -> list[str]:
    lines = []
    while not lines or not lines[-1].startswith("  Stop it"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return [line.strip() for line in lines]


def wait_until_ready(url: str) -> None:
    """The banner comes just before."""
    wait_until(lambda: httpx.get(f"{url}/readiness", timeout=patient()).status_code == 200, "the server to be ready")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_its_banner_serves_and_stops_at_a_signal(tmp_path, model_dir, stop):
    with serving(tmp_path, model_dir) as process:
        lines = banner_of(process)
        url = lines[0].split()[-1]
        wait_until_ready(url)
        key = next(line for line in lines if line.startswith("Admin key")).split()[-1]
        assert httpx.get(f"{url}/keys", headers={"x-api-key": key}, timeout=patient()).status_code == 200
        assert str(tmp_path / "served") in lines[2]
        process.send_signal(stop)
        out, err = process.communicate(timeout=patient(COMMAND_SECONDS))
    assert process.returncode == 0, err
    assert key not in out + err
    assert "Traceback" not in err


def test_the_first_serve_shows_the_key_the_second_none_and_both_know_what_a_command_enrolled(tmp_path, model_dir):
    (tmp_path / "1.png").write_bytes(pictures.astronaut())
    vultus(tmp_path, model_dir, "enroll", "1.png", "--subject", "astronaut", "--data-dir", "served")
    for shown in (True, False):
        with serving(tmp_path, model_dir) as process:
            lines = banner_of(process)
            wait_until_ready(lines[0].split()[-1])
            found = vultus(tmp_path, model_dir, "find", "1.png", "--data-dir", "served")
            assert found["faces"][0]["decision"] == "match"
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=patient(COMMAND_SECONDS))
        assert any(line.startswith("Admin key") for line in lines) is shown

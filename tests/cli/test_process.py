"""The true process: real models, a real photo, a real socket, real signals."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests import pictures
from tests.server_process import VULTUS, banner_of, environment, serving, wait_until_ready
from tests.waiting import patient

pytestmark = pytest.mark.real

COMMAND_SECONDS = 180


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with people/astronaut/1.png and empty data."""
    folder = tmp_path_factory.mktemp("process")
    (folder / "people" / "astronaut").mkdir(parents=True)
    (folder / "people" / "astronaut" / "1.png").write_bytes(pictures.astronaut())
    return folder


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

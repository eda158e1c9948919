"""Nothing leaves the machine: no process of ours opens a connection or leaves an identifier in the user's folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pictures
from tests.standins import write_tiny_network
from tests.waiting import patient

STRACE = shutil.which("strace")
OPENED = re.compile(r"(?:connect|sendto|sendmsg)\(.*AF_INET6?\b.*")
LOOPBACK = ("127.0.0.1", '"::1"')
RUN_NETWORK = """
import sys
from pathlib import Path
from vultus.vision.session import Session
Session(Path(sys.argv[1]))
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""
SECONDS = 180


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's own, with empty folders of the user and without the variable that the code has to set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VULTUS_", "XDG_", "ORT_"))}
    return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1", **more}


def traced(arguments: list[str], log: Path) -> list[str]:
    """The command, with its network calls written to a file where strace is installed."""
    return [STRACE, "-f", "-qq", "-e", "trace=network", "-o", str(log), *arguments] if STRACE else arguments


def connections(log: Path) -> list[str]:
    """The connections that a traced command tried, other than to this machine."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return [line for line in lines if OPENED.search(line) and not any(here in line for here in LOOPBACK)]


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_loading_a_network_leaves_nothing_and_connects_to_nobody(tmp_path):
    home, log = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    network = write_tiny_network(tmp_path / "tiny.onnx")
    command = traced([sys.executable, "-c", RUN_NETWORK, str(network)], log)
    subprocess.run(command, env=environment(home, ORT_DISABLE_TELEMETRY="0"), check=True, timeout=patient(SECONDS))
    assert files_under(home) == []
    assert connections(log) == []


@pytest.mark.real
def test_a_start_an_enrolment_and_a_search_leave_nothing_and_connect_to_nobody(tmp_path, model_dir):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "1.png").write_bytes(pictures.astronaut())
    around = environment(home, VULTUS_MODEL_DIR=str(model_dir.absolute()))
    for number, arguments in enumerate((["enroll", "1.png", "--subject", "astronaut"], ["find", "1.png"], ["doctor"])):
        log = tmp_path / f"calls{number}"
        command = traced([sys.executable, "-m", "vultus", *arguments], log)
        subprocess.run(command, cwd=tmp_path, env=around, check=True, timeout=patient(SECONDS), stdout=subprocess.PIPE)
        assert connections(log) == [], arguments
    _serve_until_ready(tmp_path, around)
    assert connections(tmp_path / "calls") == []
    assert files_under(home) == []


def _serve_until_ready(folder: Path, around: dict[str, str]) -> None:
    command = traced([sys.executable, "-m", "vultus", "serve", "--port", "0"], folder / "calls")
    with subprocess.Popen(
        command, cwd=folder, env=around, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "is ready" in process.stdout.readline()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=patient(SECONDS))

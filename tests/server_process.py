"""A server in a process of its own, as an operator starts it: its settings, its banner, and when it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import httpx

from tests.waiting import patient, wait_until

VULTUS = (sys.executable, "-m", "vultus")
START_SECONDS = 180  # the first start converts models


def environment(model_dir: Path) -> dict[str, str]:
    """The variables of this process without settings, and the model folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    return kept | {"VULTUS_MODEL_DIR": str(model_dir.absolute())}


@contextmanager
def serving(folder: Path, model_dir: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A server process with data in folder/served, killed after START_SECONDS. variables: its settings."""
    process = subprocess.Popen(
        [*VULTUS, "serve", "--port", "0", "--data-dir", "served"],
        cwd=folder,
        env=environment(model_dir) | variables,
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
    """The lines that it prints once it serves."""
    lines = []
    while not lines or not lines[-1].startswith("  Stop it"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return [line.strip() for line in lines]


def wait_until_ready(url: str) -> None:
    """The banner comes just before."""
    wait_until(lambda: httpx.get(f"{url}/readiness", timeout=patient()).status_code == 200, "the server to be ready")


def address_and_key(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Of a server on a new data folder, once it is ready: its URL and the admin key, as the banner says them."""
    lines = banner_of(process)
    url, key = (next(line for line in lines if word in line).split()[-1] for word in (" is ready on ", "Admin key"))
    wait_until_ready(url)
    return url, key

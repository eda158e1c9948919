"""The true server process, for those who kill it: real models, a real socket; and photos of one face, no two alike."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import IO

import httpx
from PIL import ImageEnhance

from tests import pictures
from tests.waiting import patient, wait_until

ADMIN_KEY = "an-admin-key-for-tests-of-forty-characters"
START_SECONDS = 180  # the first start converts models
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server that is ready."""

    process: subprocess.Popen[str]
    url: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"x-api-key": ADMIN_KEY}, timeout=patient(ANSWER_SECONDS))

    def enroll(self, client: httpx.Client, photo: bytes, subject: str, collection: str = "default") -> httpx.Response:
        return client.post("/enroll", files={"img": photo}, data={"subject": subject, "collection": collection})


def environment(model_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    return kept | {"VULTUS_MODEL_DIR": str(model_dir.absolute()), "VULTUS_ADMIN_KEY": ADMIN_KEY}


def start(folder: Path, model_dir: Path, log: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
    """`vultus serve` on a data folder; its banner goes into a pipe. log: where its log goes."""
    command = [sys.executable, "-m", "vultus", "serve", "--port", "0", "--data-dir", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": log}
    return subprocess.Popen(command, cwd=folder.parent, env=environment(model_dir), text=True, **pipes)


@contextmanager
def serving(folder: Path, model_dir: Path) -> Iterator[Server]:
    """A ready server, killed in the end."""
    with TemporaryFile("w+") as log, start(folder, model_dir, log) as process:  # a pipe that nobody reads would fill
        deadline = Timer(patient(START_SECONDS), process.kill)
        deadline.start()
        try:
            yield Server(process, _url_of(process, log))
        finally:
            deadline.cancel()
            process.kill()
            process.communicate()


def _url_of(process: subprocess.Popen[str], log: IO[str]) -> str:
    """The address in the banner, once /readiness is 200."""
    banner = ""
    while "Stop it" not in banner:
        line = process.stdout.readline()
        assert line, log.seek(0) or log.read()
        banner += line
    url = banner.split(" is ready on ")[1].split()[0]
    wait_until(lambda: httpx.get(f"{url}/readiness", timeout=patient()).status_code == 200, "the server to be ready")
    return url


def command(folder: Path, model_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A `vultus` command on a data folder."""
    given = [sys.executable, "-m", "vultus", *arguments, "--data-dir", str(folder)]
    return subprocess.run(given, env=environment(model_dir), cwd=folder.parent, capture_output=True, text=True)


def photos_of_one_face(count: int) -> list[bytes]:
    """JPEGs that differ from each other in size and brightness, also once they are stored."""
    picture = pictures.opened(pictures.astronaut()).resize((320, 320))
    return [
        pictures.encoded(
            ImageEnhance.Brightness(picture.crop((0, 0, 320 - i % 12, 320 - i // 12))).enhance(0.85 + i / (4 * count)),
            "JPEG",
            quality=90,
        )
        for i in range(count)
    ]

"""Runs the examples by the Python client on a real server, and keeps what was sent and answered."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import pictures
from tests.documents.reference.examples import Example
from tests.served import serving
from vultus.config import Settings
from vultus.records.stored import SCOPES
from vultus.wiring.background import job_runner
from vultus.wiring.open_system import open_system
from vultus_client import Client, VultusError

Part = tuple[str, str | Path]
"""Name and value of a field of a form; a path is the photo that was sent."""
DEFAULT = ("collection", "default")  # the client sends it always; others need not


@dataclass(frozen=True)
class Recorded:
    """One call. query: as it stands in the address. form: in its order; body: of JSON, None where there is none."""

    example: Example
    method: str
    path: str
    query: str
    form: tuple[Part, ...]
    body: Any
    status: int
    content_type: str
    answer: bytes


@dataclass
class Kept:
    """Values of answers by the name that stands for them on the pages."""

    values: dict[str, str] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """With the values in place of the names."""
        for name, value in self.values.items():
            text = re.sub(rf"\b{name}\b", value, text)
        return text

    def hidden(self, text: str) -> str:
        """With the names in place of the values."""
        for name, value in self.values.items():
            text = text.replace(value, name)
        return text

    def keep(self, example: Example, answer: bytes) -> None:
        """The values that the example names."""
        for name, place in example.keeps.items():
            value = json.loads(answer)
            for step in place.split("."):
                value = value[int(step) if step.isdigit() else step]
            self.values[name] = value


@dataclass(frozen=True)
class Served:
    """A real server. run_jobs: does the work that is queued."""

    url: str
    key: str
    run_jobs: Callable[[], None]

    def emptied(self) -> None:
        """Erase everybody, so that the examples can run again."""
        with Client(self.url, self.key) as vultus:
            for one in vultus.collections.list():
                vultus.collections.erase(one.collection)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A real server on an empty data folder, with a key of every scope."""
    with open_system(Settings(data_dir=folder)) as system, serving(system) as port:
        _, key = system.keys.create("docs", SCOPES)

        def run_jobs() -> None:
            with contextlib.closing(job_runner(system.service)) as runner:
                while runner.run_next():
                    pass

        yield Served(f"http://127.0.0.1:{port}", key, run_jobs)


def write_photos(folder: Path) -> None:
    """The photos that the examples name, of the packages of sample pictures."""
    anna = pictures.opened(pictures.astronaut())
    turned = pictures.opened(pictures.variants(pictures.astronaut())["mirror"])
    photos = {
        "anna1.jpg": pictures.encoded(anna, "JPEG", quality=90),
        "anna2.jpg": pictures.encoded(turned, "JPEG", quality=90),
        "ben.jpg": pictures.encoded(pictures.opened(pictures.portrait()), "JPEG", quality=95),
        "wall.jpg": pictures.encoded(pictures.opened(pictures.no_face()), "JPEG", quality=90),
    }
    for name, content in photos.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / "team.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("ben/ben.jpg"), photos["ben.jpg"])


def record(examples: tuple[Example, ...], server: Served, photos: Path, kept: Kept) -> list[Recorded]:
    """Run them in their order, in the folder of the photos."""
    names = {hashlib.sha256(path.read_bytes()).digest(): path for path in photos.iterdir()}
    heard: list[httpx.Response] = []
    with (
        httpx.Client(event_hooks={"response": [heard.append]}) as http,
        Client(server.url, server.key, http_client=http, max_retries=0) as vultus,
        contextlib.chdir(photos),
    ):
        return [_record(example, vultus, heard, names, kept, server) for example in examples]


def _record(
    example: Example,
    vultus: Client,
    heard: list[httpx.Response],
    photos: dict[bytes, Path],
    kept: Kept,
    server: Served,
) -> Recorded:
    if example.runs_jobs:
        server.run_jobs()
    with contextlib.suppress(VultusError):
        exec(kept.filled(example.python), {"vultus": vultus})
    response = heard[-1]
    request = response.request
    kept.keep(example, response.content)
    body = request.read()
    kind = request.headers.get("content-type", "")
    return Recorded(
        example,
        request.method,
        kept.hidden(request.url.path),
        request.url.query.decode(),
        tuple(part for part in _parts(body, kind, photos) if part != DEFAULT) if "multipart/" in kind else (),
        json.loads(kept.hidden(body.decode())) if kind == "application/json" else None,
        response.status_code,
        response.headers.get("content-type", ""),
        kept.hidden(response.text).encode() if response.encoding else response.content,
    )


def _parts(body: bytes, kind: str, photos: dict[bytes, Path]) -> Iterator[Part]:
    for part in body.split(b"--" + kind.partition("boundary=")[2].encode())[1:-1]:
        head, _, content = part.removesuffix(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode().partition('name="')[2].partition('"')[0]
        photo = photos.get(hashlib.sha256(content).digest())
        yield name, content.decode() if photo is None else photo

"""The examples of the written pages run as they stand, against a server with the stand-in networks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.conftest import KEY, Served, serving
from tests.documents.pages import DOCS, ROOT
from tests.documents.reference.javascript_runner import NODE
from tests.pictures import drawn_photo, encoded, opened

FIRST_CALLS = DOCS / "start" / "first-calls.md"
TUTORIAL = DOCS / "tutorial" / "team-at-the-door.md"
ERROR_RATE = DOCS / "how-to" / "error-rate.md"
ANNA, BEN, STRANGER = 61, 62, 63


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos that the pages name."""
    root = tmp_path_factory.mktemp("photos")
    photos = {"anna1.jpg": (ANNA, 1), "anna2.jpg": (ANNA, 2), "ben.jpg": (BEN, 1), "door.jpg": (ANNA, 3)}
    for name, (person, photo) in photos.items():
        (root / name).write_bytes(drawn_photo(person, noise=3, photo=photo))
    for person, seed in (("anna", ANNA), ("ben", BEN)):
        (root / "team" / person).mkdir(parents=True)
        (root / "team" / person / "1.jpg").write_bytes(drawn_photo(seed, noise=3, photo=4))
    return root


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("data")) as one:
        yield one


@pytest.fixture
def server(running: Served) -> Served:
    """With nobody enrolled."""
    with running.client() as vultus:
        for one in vultus.collections.list():
            vultus.collections.erase(one.collection)
    return running


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def run(command: list[str], server: Served, folder: Path, given: bytes = b"") -> str:
    """What a program prints. It has to end well."""
    path = os.pathsep.join([str(ROOT / "clients" / "python" / "src")])
    environment = {**os.environ, "VULTUS_URL": server.url, "VULTUS_KEY": KEY, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_first_calls_by_curl(server, folder):
    script = next(block for block in blocks(FIRST_CALLS, "sh") if "curl" in block)
    said = run(["sh", "-ec", script.replace("curl ", "curl --silent --fail-with-body ")], server, folder)
    assert '"verified":true' in said
    assert '"decision":"match"' in said
    assert '"deleted":{"faces":1,"photos":1}' in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_error_rate_that_is_asked_for_is_answered(server, folder):
    server.client().enroll(folder / "anna1.jpg", subject="anna")
    lines = "".join(block for block in blocks(ERROR_RATE, "sh"))
    said = run(["sh", "-ec", lines.replace("curl ", "curl --silent --fail-with-body ")], server, folder)
    assert '"expected_fmr":0.0001' in said
    assert '"threshold_rule":' in said


def test_the_first_calls_in_python(server, folder):
    (program,) = blocks(FIRST_CALLS, "python")
    said = run([sys.executable, "-c", program], server, folder)
    assert "the same person: True" in said
    assert "Match(subject='anna', name='Anna'" in said


def test_the_first_calls_in_javascript(server, folder):
    (program,) = blocks(FIRST_CALLS, "javascript")
    said = run([str(NODE), "--input-type=module", "--eval", program], server, folder)
    assert said == "the same person: match\nmatch Anna\n{ faces: 1, photos: 1 }\n"


def test_the_tutorial_enrolls_a_team_and_names_who_is_at_the_door(server, folder):
    enroll, door = blocks(TUTORIAL, "python")
    assert "2 of 2 photos" in run([sys.executable, "-c", enroll], server, folder)
    server.client().subjects.update("anna", name="Anna Berg")
    assert run([sys.executable, "-c", door], server, folder, given=frames()) == "Anna Berg\nben\nnobody we know\n"


def frames() -> bytes:
    """As a camera gives them: Anna, nobody, Ben, and a stranger, as JPEGs one after the other."""
    seen = [
        drawn_photo(ANNA, noise=3, photo=5),
        drawn_photo(),
        drawn_photo(BEN, noise=3, photo=5),
        drawn_photo(STRANGER),
    ]
    return b"".join(encoded(opened(one), "JPEG", quality=100, subsampling=0) for one in seen)

"""The published compreface-sdk, unmodified, against the application on a real socket.

It cannot be imported beside urllib3 2, so `make test` makes an environment of its own for it, of tests/compreface.lock.
VULTUS_TEST_COMPREFACE_PYTHON names the Python of another one.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import drawn_photo
from tests.served import serving
from tests.waiting import patient
from vultus.wiring.parts import System

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("VULTUS_TEST_COMPREFACE_PYTHON", ROOT / ".venv" / "compreface" / "bin" / "python"))
PHOTOS = {"anna": drawn_photo(1), "bert": drawn_photo(2), "both": drawn_photo(1, 2), "nobody": drawn_photo()}


@pytest.fixture(scope="module")
def said(shared: System, uuids: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each call of the SDK returned."""
    if not PYTHON.exists():
        pytest.skip(f"compreface-sdk has no environment at {PYTHON.parents[1]}; make test makes it")
    folder = tmp_path_factory.mktemp("photos")
    paths = {}
    for name, photo in PHOTOS.items():
        paths[name] = str(folder / f"{name}.png")
        Path(paths[name]).write_bytes(photo)
    program = Path(__file__).with_name("compreface_sdk_calls.py")
    with serving(shared) as port:
        done = subprocess.run(
            [PYTHON, program],
            input=json.dumps({"port": port, "keys": uuids, "photos": paths}),
            capture_output=True,
            text=True,
            timeout=patient(),
            check=False,
        )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def similarity(face: dict[str, Any]) -> dict[str, float]:
    return {one["subject"]: one["similarity"] for one in face["subjects"]}


def test_subjects(said: dict[str, Any]) -> None:
    assert said["subject"] == {"subject": "Zoë Ångström"}
    assert said["renamed"] == {"updated": True}
    assert said["subjects"] == {"subjects": ["anna", "bert", "zoe"]}
    assert said["deleted subject"] == {"subject": "anna"}
    assert said["deleted subjects"] == {"deleted": 1}


def test_examples(said: dict[str, Any]) -> None:
    assert said["example"]["subject"] == "anna"
    assert said["examples"]["faces"] == [said["example"], said["example of bytes"]]
    assert said["deleted example"] == said["example"]
    assert said["deleted of subject"] == {"deleted": 1}


def test_recognition(said: dict[str, Any]) -> None:
    first, second = said["recognized"]["result"]
    assert max(similarity(first), key=similarity(first).__getitem__) == "anna"
    assert max(similarity(second), key=similarity(second).__getitem__) == "bert"
    assert {"landmarks", "embedding", "execution_time"} < set(first)
    assert said["recognized"]["plugins_versions"]


def test_verification_and_detection(said: dict[str, Any]) -> None:
    same, other = said["verified"]["result"]
    assert same["similarity"] > 0.97 > other["similarity"]
    (compared,) = said["compared"]["result"]
    assert [face["similarity"] > 0.97 for face in compared["face_matches"]] == [True, False]
    assert [set(face) for face in said["detected"]["result"]] == [{"box", "landmarks"}]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("twice", 43),
        ("slash", 26),
        ("no such path", 0),
        ("two faces", 31),
        ("no face", 28),
        ("recognized no face", 28),
        ("wrong kind", 10),
        ("no uuid", 26),
        ("deleted again", 44),
    ],
)
def test_failures_have_the_codes_that_its_users_look_for(said: dict[str, Any], call: str, code: int) -> None:
    assert set(said[call]) == {"message", "code"}
    assert said[call]["code"] == code

"""The curl lines of docs/compatibility.md as they stand, on a fresh data folder and a fresh model folder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import pictures
from tests.server_process import address_and_key, serving
from tests.waiting import patient

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
# Read in DeepFace 0.0.103, deepface/modules/modeling.py.
DEEPFACE_MODELS = ("Facenet", "Facenet512", "OpenFace", "Dlib", "SFace")
WITHOUT_LICENCE = ("VGG-Face", "DeepFace", "DeepID", "ArcFace", "GhostFaceNet", "Buffalo_L")
DEFAULT = "sface-facenet512-fused"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """URL and admin key of a server that has just been started for the first time, and a folder with photos."""
    folder = tmp_path_factory.mktemp("fresh")
    photos = {"image.jpg": pictures.astronaut(), "a.jpg": pictures.astronaut()}
    photos["b.jpg"] = pictures.variants(pictures.astronaut())["mirror"]
    for name, photo in photos.items():
        (folder / name).write_bytes(photo)
    with serving(folder, folder / "models") as process:
        yield *address_and_key(process), folder


def lines_of_the_page() -> list[str]:
    return re.findall(r"^curl .*$", PAGE.read_text("utf-8"), re.MULTILINE)


def answer_of(line: str, fresh: tuple[str, str, Path]) -> Any:
    """What the line prints, run by a shell in the folder with the photos."""
    url, key, folder = fresh
    done = subprocess.run(
        f"BASE={url} KEY={key}; {line} --silent --noproxy '*'",
        shell=True,
        cwd=folder,
        capture_output=True,
        timeout=patient(),
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_both_curl_lines_of_the_page_work_before_anything_is_pulled(fresh):
    represent, verify = (answer_of(line, fresh) for line in lines_of_the_page())
    (face,) = represent
    assert (len(face["embedding"]), face["model_name"], face["model_id"]) == (640, "Facenet", DEFAULT)
    assert (verify["verified"], verify["model"], verify["model_id"]) == (True, "Facenet", DEFAULT)
    for answer in (face, verify):
        (caution,) = answer["cautions"]
        assert (caution["code"], caution["image"]) == ("model_not_installed", "model_name")
        assert "facenet128 is not on this machine" in caution["detail"]


@pytest.mark.parametrize("name", DEEPFACE_MODELS + WITHOUT_LICENCE)
def test_every_model_of_deepface_is_answered_or_refused_by_its_licence(fresh, name):
    url, key, folder = fresh
    photo, data = (folder / "a.jpg").read_bytes(), {"model_name": name}
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=patient()) as client:
        represent = client.post("/represent", files={"img": photo}, data=data)
        verify = client.post("/verify", files={"img1": photo, "img2": photo}, data=data)
    statuses = {represent.status_code, verify.status_code}
    if name in WITHOUT_LICENCE:
        assert statuses == {400}
        assert f"{name} is not served" in verify.json()["detail"]
    else:
        assert statuses == {200}
        assert verify.json()["verified"]
        used = verify.json()["model_id"]
        assert used == represent.json()[0]["model_id"] == (DEFAULT if name != "SFace" else "sface")
        assert ("cautions" in verify.json()) == ("cautions" in represent.json()[0]) == (used == DEFAULT)

"""Double Take's requests, as it writes them, against the application on a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.pictures import drawn_photo
from tests.served import serving
from vultus.wiring.parts import System

FACES, RECOGNIZE = "/api/v1/recognition/faces", "/api/v1/recognition/recognize"


@pytest.fixture(scope="module")
def http(shared: System, uuids: dict[str, str]) -> Iterator[httpx.Client]:
    with serving(shared) as port:
        headers = {"x-api-key": uuids["compreface-recognition"]}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            yield client


def test_train_recognize_and_remove(http: httpx.Client) -> None:
    photo = ("6c9d6b0c.jpg", drawn_photo(1), "image/jpeg")
    trained = http.post(FACES, params={"subject": "Jane Doe"}, files={"file": photo})
    assert trained.status_code == 201
    query = {"det_prob_threshold": "0.8", "face_plugins": "undefined"}
    found = http.post(RECOGNIZE, params=query, files={"file": photo})
    (face,) = found.json()["result"]
    assert (face["subjects"][0]["subject"], face["subjects"][0]["similarity"] > 0.97) == ("Jane Doe", True)
    assert {"x_min", "y_min", "x_max", "y_max", "probability"} == set(face["box"])
    removed = http.delete(FACES, params={"subject": "Jane Doe"})
    assert (removed.status_code, removed.json()) == (200, {"deleted": 1})


def test_a_photo_without_a_face_is_told_by_status_and_code(http: httpx.Client) -> None:
    answer = http.post(RECOGNIZE, params={"det_prob_threshold": "0.8"}, files={"file": ("a.jpg", drawn_photo())})
    assert (answer.status_code, answer.json()["code"]) == (400, 28)
    assert answer.json()["message"]

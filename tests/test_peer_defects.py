"""One test per defect that other face recognition services were found to have: here it must not come back."""

from __future__ import annotations

import base64
import json
import re
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.attack.budget import PEER_MEMORY
from tests.attack.repeated_requests import growth_apart
from tests.attack.resident import readable
from tests.attack.test_memory import MOST
from tests.conftest import Small
from tests.pictures import drawn_face, drawn_photo, encoded, opened, with_comment
from tests.standins import OTHER
from tests.storage.synthetic import MadeFace, MadeGallery
from tests.test_no_pickle import SOURCE, found
from tests.waiting import patient
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.records.seen import Face
from vultus.records.stored import SCOPES
from vultus.search.index import FlatIndex
from vultus.wiring.parts import System
from vultus.wiring.settings_check import check_settings

ANNA, BERT, BOTH = drawn_photo(1), drawn_photo(2), drawn_photo(1, 2)
PUBLIC = {"/", "/health", "/readiness", "/capabilities", "/status", "/docs", "/openapi.json"}


@pytest.fixture
def system(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.chdir(tmp_path)
    parts: Any = small
    return System(Settings(), parts.service, parts.keys, parts.gallery, parts.models, parts.service.context.pipeline)


@pytest.fixture
def client(system: System) -> Iterator[TestClient]:
    secret = system.keys.create("test", SCOPES)[1]
    with TestClient(create_app(system), headers={"x-api-key": secret}) as http:
        yield http


def enroll(client: TestClient, photo: bytes, subject: str, **fields: str) -> dict[str, Any]:
    answer = client.post("/enroll", files={"img": photo}, data={"subject": subject, "min_quality": "0", **fields})
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json()
    return body


def found_subjects(client: TestClient, photo: bytes, **fields: str) -> list[str]:
    answer = client.post("/find", files={"img": photo}, data={"threshold": "0.99", **fields}).json()
    return [line["subject"] for line in answer["faces"][0]["matches"] if line["above_threshold"]]


# --- who may ask --------------------------------------------------------------------------------------------------


def test_auth_off_by_default(system: System) -> None:
    assert not Settings().without_keys
    with TestClient(create_app(system)) as stranger:
        assert stranger.post("/represent", files={"img": ANNA}).status_code == 401
        assert stranger.get("/collections").status_code == 401
    with pytest.raises(SettingsInvalid):
        check_settings(Settings(without_keys=True, host="0.0.0.0"))


def test_internal_port_without_key(system: System) -> None:
    app = create_app(system)
    with TestClient(app) as stranger:
        for path, calls in stranger.get("/openapi.json").json()["paths"].items():
            for method in set(calls) if path not in PUBLIC else ():
                answer = stranger.request(method, re.sub(r"{\w+}", "x", path))
                assert (answer.status_code, answer.json()["error"]) == (401, "missing_api_key"), (method, path)
        for hidden in ("/metrics", "/internal", "/admin", "/debug", "/redoc"):
            assert stranger.get(hidden).status_code in (401, 404)


def test_key_in_a_url(system: System) -> None:
    secret = system.keys.create("test", SCOPES)[1]
    with TestClient(create_app(system)) as stranger:
        for name in ("key", "api_key", "apikey", "x-api-key", "token", "access_token", "authorization"):
            assert stranger.get(f"/collections?{name}={secret}").status_code == 401
            assert stranger.post(f"/represent?{name}={secret}", files={"img": ANNA}).status_code == 401


def test_cors_star(client: TestClient) -> None:
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    for answer in (client.options("/represent", headers=asked), client.get("/collections", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


# --- what is taken for what ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["false", "False", "FALSE", "0", "no"])
def test_false_parsed_as_true(client: TestClient, text: str) -> None:
    nobody = drawn_photo()
    answer = client.post("/represent", files={"img": nobody}, data={"enforce_detection": text})
    assert answer.status_code == 200
    assert client.post(
        "/represent", json={"img": base64.b64encode(nobody).decode(), "enforce_detection": text}
    ).is_success
    assert client.post("/represent", files={"img": nobody}, data={"enforce_detection": "true"}).status_code == 422


def test_server_file_path_accepted_as_an_image(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "anna.png").write_bytes(ANNA)
    for path in ("anna.png", "./anna.png", str(tmp_path / "anna.png"), f"file://{tmp_path}/anna.png"):
        answer = client.post("/represent", json={"img": path})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_image")


def test_internal_url_accepted_as_an_image(client: TestClient, system: System) -> None:
    for address in ("http://127.0.0.1/a.png", "http://169.254.169.254/", "https://[::1]/a.png"):
        assert "image URLs are off" in client.post("/represent", json={"img": address}).json()["detail"]
    on = System(**{**vars(system), "settings": Settings(image_urls=True)})
    with TestClient(create_app(on), headers=client.headers) as allowed:
        for address in ("http://127.0.0.1/a.png", "http://169.254.169.254/", "https://[::1]/a.png"):
            answer = allowed.post("/represent", json={"img": address})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
            assert "no public host" in answer.json()["detail"]


def test_case_folded_name_collisions(client: TestClient) -> None:
    people = {"anna": 1, "Anna": 2, "ANNA": 3, "\u00e5nna": 4, "stra\u00dfe": 6, "strasse": 7}
    for subject, person in people.items():
        enroll(client, drawn_photo(person), subject)
    listed = client.get("/collections/default/subjects").json()["subjects"]
    assert {one["subject"]: one["faces"] for one in listed} == dict.fromkeys(people, 1)
    for subject, person in people.items():
        assert found_subjects(client, drawn_photo(person)) == [subject]
    enroll(client, drawn_photo(5), "a\u030anna")  # the same text, composed otherwise: the same subject
    assert client.get("/collections/default/subjects/\u00e5nna/faces").json()["faces"][1:]
    client.put("/collections/Staff")
    assert client.get("/collections/staff").status_code == 404


# --- pictures -----------------------------------------------------------------------------------------------------


def test_corrupt_picture_reported_as_no_face(client: TestClient) -> None:
    for broken in (ANNA[: len(ANNA) // 2], b"no picture", b"\xff\xd8\xff", ANNA[:100] + bytes(200) + ANNA[300:]):
        answer = client.post("/represent", files={"img": broken})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_image")
    whole = client.post("/represent", files={"img": drawn_photo()})
    assert (whole.status_code, whole.json()["error"]) == (422, "no_face_detected")


def test_exif_rotation_ignored(client: TestClient) -> None:
    sideways = Image.Exif()
    sideways[0x0112] = 6
    turned = encoded(opened(ANNA).transpose(Image.Transpose.ROTATE_90), exif=sideways.tobytes())
    upright, same = (client.post("/represent", files={"img": photo}).json()[0] for photo in (ANNA, turned))
    assert same["facial_area"] == upright["facial_area"]
    assert same["embedding"] == pytest.approx(upright["embedding"], abs=1e-5)


def test_decompression_bomb(client: TestClient) -> None:
    bomb = encoded(Image.new("1", (30_000, 30_000)), "PNG")
    assert len(bomb) < 500_000  # 900 megapixels
    tracemalloc.start()
    answer = client.post("/represent", files={"img": bomb})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["error"]) == (413, "request_too_large")
    assert peak < 20_000_000


def test_one_bad_picture_changing_shared_state(client: TestClient, small: Small) -> None:
    enroll(client, ANNA, "anna")
    before = small.gallery.collection("default").revision
    answer = client.post("/enroll", files=[("img", BERT[:500]), ("img", drawn_photo())], data={"subject": "bert"})
    assert answer.status_code in (400, 422)
    assert client.get("/collections/default/subjects/bert").status_code == 404
    assert small.gallery.collection("default").revision == before
    assert len(list(small.photos.keys())) == 1
    assert found_subjects(client, ANNA) == ["anna"]


def test_every_exception_as_http_500(client: TestClient) -> None:
    vector = json.dumps([1.0] * 32)
    answers = {
        "invalid_image": client.post("/represent", files={"img": b"x"}),
        "no_face_detected": client.post("/represent", files={"img": drawn_photo()}),
        "multiple_faces": client.post("/enroll", files={"img": BOTH}),
        "low_quality": client.post("/enroll", files={"img": ANNA}, data={"min_quality": "100"}),
        "invalid_request": client.post("/represent", json={}),
        "model_name_not_allowed": client.post("/represent", files={"img": ANNA}, data={"model_name": "x"}),
        "detector_backend_not_allowed": client.post("/represent", files={"img": ANNA}, data={"detector_backend": "x"}),
        "vector_mismatch": client.post("/compare", content=f'{{"source_vector": [1], "target_vector": {vector}}}'),
        "collection_not_found": client.post("/find", files={"img": ANNA}),
        "not_found": client.get("/nothing"),
        "face_not_found": client.get("/faces/none"),
    }
    assert {code: answer.json()["error"] for code, answer in answers.items()} == {code: code for code in answers}
    assert all(400 <= answer.status_code < 500 for answer in answers.values())


def test_silent_choice_of_one_face_out_of_many(client: TestClient) -> None:
    refused = client.post("/enroll", files={"img": BOTH}, data={"subject": "anna"})
    assert (refused.status_code, refused.json()["error"]) == (422, "multiple_faces")
    verified = client.post("/verify", files={"img1": BOTH, "img2": ANNA}).json()
    assert verified["facial_areas"]["img1"]["chosen"] == "largest of 2"
    assert "chosen" not in verified["facial_areas"]["img2"]
    assert len(client.post("/represent", files={"img": BOTH}).json()) == 2


# --- the gallery --------------------------------------------------------------------------------------------------


def test_duplicates_in_top_n(client: TestClient) -> None:
    for i in range(4):
        enroll(client, drawn_photo(1, noise=3, photo=i), "anna")
    enroll(client, BERT, "bert")
    answer = client.post("/find", files={"img": ANNA}, data={"top_k": "10"}).json()
    subjects = [line["subject"] for line in answer["faces"][0]["matches"]]
    assert sorted(subjects) == ["anna", "bert"]


def test_whole_gallery_copied_per_query() -> None:
    faces, dimension = 40_000, 128
    vectors = np.random.default_rng(1).standard_normal((faces, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gallery = MadeGallery(dimension=dimension)
    gallery.revision, gallery.subject_pks = 1, {f"s{i}": i + 1 for i in range(faces)}
    gallery.faces = [MadeFace(i, 1, i + 1, f"s{i}", vector) for i, vector in enumerate(vectors)]
    index = FlatIndex(gallery)
    index.search("c", vectors[:1], 5)
    tracemalloc.start()
    (lines,) = index.search("c", vectors[7:8], 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines[0].subject == "s7"
    assert peak < vectors.nbytes / 4  # a line of scores, not the gallery (20 MB)


def test_search_right_after_enrol_missing(client: TestClient) -> None:
    for person in range(10):
        enroll(client, drawn_photo(person), f"s{person}")
        assert found_subjects(client, drawn_photo(person)) == [f"s{person}"]
    client.delete("/collections/default/subjects/s3")
    assert found_subjects(client, drawn_photo(3)) == []


def test_retry_creating_a_second_person(client: TestClient) -> None:
    first, again = enroll(client, ANNA, "anna"), enroll(client, ANNA, "anna")
    assert again["faces"][0]["face_id"] == first["faces"][0]["face_id"]
    assert not again["faces"][0]["created"]
    start = threading.Barrier(4)

    def at_once(_: int) -> str:
        start.wait(patient())
        return str(enroll(client, BERT, "bert")["faces"][0]["face_id"])

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(at_once, range(4)))) == 1
    listed = client.get("/collections/default/subjects").json()["subjects"]
    assert {one["subject"]: one["faces"] for one in listed} == {"anna": 1, "bert": 1}


def test_nan_or_zero_embedding_accepted(client: TestClient, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    good = [1.0] * 32
    for bad in ([0.0] * 32, [1e300] * 32):
        answer = client.post("/compare", json={"source_vector": good, "target_vector": bad})
        assert (answer.status_code, answer.json()["error"]) == (400, "vector_mismatch")
    assert client.post("/compare", content=json.dumps({"source_vector": [float("nan")] * 32})).status_code == 400
    flat = np.full((240, 320, 3), 127.5, np.uint8)
    found_face = Face((20.0, 20.0, 100.0, 100.0), np.full((5, 2), np.nan, np.float32), 0.9)
    monkeypatch.setattr(small.detector, "detect", lambda pixels: [found_face])
    for bad_network in (np.nan, 0.0):
        model = small.models.resolve("tiny-32").embedder()
        bad_rows = np.full((1, 32), bad_network, np.float32)
        monkeypatch.setattr(model._session, "run", lambda batch, rows=bad_rows: [rows])
        answer = client.post("/enroll", files={"img": encoded(Image.fromarray(flat))}, data={"min_quality": "0"})
        assert answer.status_code >= 400, answer.text
        assert client.get("/collections").json()["collections"] == []


def test_model_mismatch_not_refused(client: TestClient) -> None:
    enroll(client, ANNA, "anna", collection="staff")
    fields = {"collection": "staff", "model_name": OTHER}
    for path in ("/find", "/enroll"):
        answer = client.post(path, files={"img": ANNA}, data=fields)
        assert (answer.status_code, answer.json()["error"]) == (409, "model_mismatch")
    assert client.put("/collections/staff", json={"model": OTHER}).status_code == 409
    verified = client.post("/verify", files={"img": ANNA}, data={**fields, "subject": "anna"})
    assert (verified.status_code, verified.json()["error"]) == (409, "model_mismatch")


# --- the machine --------------------------------------------------------------------------------------------------


def test_pickle_on_disk(client: TestClient, small: Small) -> None:
    enroll(client, ANNA, "anna")
    found_subjects(client, ANNA)
    assert not [path for path in SOURCE.rglob("*.py") if list(found(path))]
    assert not [path for path in small.folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib", ".npy")]
    for path in small.folder.rglob("*"):
        assert not path.is_file() or not path.read_bytes().startswith(b"\x80\x04")


@pytest.mark.soak
@pytest.mark.skipif(not readable, reason="memory is read from /proc")
def test_memory_growth_over_10k_requests() -> None:
    """In short, in every run: `tests/attack/test_memory.py`."""
    assert growth_apart(3_000, 10_000, seconds=PEER_MEMORY) < MOST


def test_the_drawn_people_differ() -> None:
    """What the tests above rest on."""
    assert not np.array_equal(drawn_face(1), drawn_face(2))
    assert with_comment(ANNA, "again") != ANNA

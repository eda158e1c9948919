"""The contract of DeepFace Cloud, as its clients use it; docs/compatibility.md lists it field by field."""

from __future__ import annotations

import base64
import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo, encoded, opened
from vultus.api.app import create_app
from vultus.errors import ModelNotInstalled
from vultus.vision.detect import STOOD_IN_FOR
from vultus.wiring.parts import System

ANNA, ANNA_AGAIN = drawn_photo(1), drawn_photo(1, noise=6, photo=2)
BERT, NOBODY = drawn_photo(2), drawn_photo()
TWO = drawn_photo(1, 2)


def b64(photo: bytes) -> str:
    return base64.b64encode(photo).decode()


def data_url(photo: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{b64(photo)}"


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/verify", "/represent", "/compare"])
def test_compute_calls_need_a_key_in_either_header(whole: System, path: str) -> None:
    _, secret = whole.keys.create("app", ["verify", "represent"])
    with TestClient(create_app(whole)) as client:
        for headers in ({"Authorization": f"Bearer {secret}"}, {"x-api-key": secret}):
            assert client.post(path, json={}, headers=headers).json()["error"] == "invalid_request"
        missing, wrong = client.post(path), client.post(path, headers={"x-api-key": "wrong"})
    assert (missing.status_code, missing.json()["error"]) == (401, "missing_api_key")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/health", "/readiness", "/capabilities"])
def test_the_calls_for_probes_need_none(whole: System, path: str) -> None:
    with TestClient(create_app(whole)) as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/readiness"])
def test_probes_may_ask_with_head(small_client: TestClient, path: str) -> None:
    answer = small_client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert small_client.head("/verify").status_code == 405


# --- the forms of an image ----------------------------------------------------------------------------------------

IMAGES: list[Callable[[bytes], dict[str, Any]]] = [
    lambda photo: {"json": {"img": b64(photo)}},
    lambda photo: {"json": {"img": data_url(photo)}},
    lambda photo: {"json": {"img": data_url(photo, "jpeg")}},  # the decoder looks at the bytes, not at the label
    lambda photo: {"files": {"img": ("image.jpg", photo, "image/jpeg")}},
    lambda photo: {"files": {"img": ("image", photo)}},
    lambda photo: {"files": {"img": (None, data_url(photo))}},
]


@pytest.mark.parametrize("form", range(len(IMAGES)))
def test_represent_takes_every_form_of_image_and_answers_a_bare_array(small_client: TestClient, form: int) -> None:
    answer = small_client.post("/represent", **IMAGES[form](ANNA))
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()
    assert {"embedding", "model_name", "facial_area", "face_confidence"} <= set(face)
    assert {"x", "y", "w", "h"} <= set(face["facial_area"])
    assert len(face["embedding"]) == 32
    assert math.isclose(math.hypot(*face["embedding"]), 1, rel_tol=1e-5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_formats_of_the_contract(small_client: TestClient, kind: str) -> None:
    photo = encoded(opened(ANNA), kind)
    fields = {"img": data_url(photo, kind.lower()), "enforce_detection": False}
    assert small_client.post("/represent", json=fields).status_code == 200


def test_several_faces_are_several_items(small_client: TestClient) -> None:
    faces = small_client.post("/represent", json={"img": b64(TWO)}).json()
    assert len(faces) == 2
    assert faces[0]["facial_area"]["w"] > faces[1]["facial_area"]["w"]


def test_verify_answers_what_the_contract_requires(small_client: TestClient) -> None:
    requests: list[dict[str, Any]] = [
        {"json": {"img1": b64(ANNA), "img2": data_url(ANNA_AGAIN)}},
        {"files": {"img1": ("a.jpg", ANNA), "img2": ("b.jpg", ANNA_AGAIN)}},
        {"files": {"img1": ("a.jpg", ANNA)}, "data": {"img2": b64(ANNA_AGAIN)}},
    ]
    for request in requests:
        body = small_client.post("/verify", **request).json()
        assert body["verified"] is True
        assert 0 <= body["distance"] <= body["threshold"]
        assert isinstance(body["model"], str)
        assert set(body["facial_areas"]) == {"img1", "img2"}
        assert body["time"] >= 0
    assert small_client.post("/verify", json={"img1": b64(ANNA), "img2": b64(BERT)}).json()["verified"] is False


# --- the optional fields ------------------------------------------------------------------------------------------

OPTIONS = {
    "model_name": "tiny-32",
    "detector_backend": "opencv",
    "enforce_detection": True,
    "align": True,
    "normalization": "base",
}


def test_all_optional_fields_together(small_client: TestClient) -> None:
    verify = {"img1": b64(ANNA), "img2": b64(ANNA_AGAIN), "distance_metric": "cosine", **OPTIONS}
    assert small_client.post("/verify", json=verify).status_code == 200
    assert small_client.post("/represent", json={"img": b64(ANNA), **OPTIONS}).status_code == 200
    compare = {"img": b64(ANNA), "target_vectors": [[1.0] * 32], "face_index": 0, "threshold": 0.5, **OPTIONS}
    assert small_client.post("/compare", json=compare).status_code == 200
    form = {name: str(value) for name, value in OPTIONS.items()}
    assert small_client.post("/represent", files={"img": ANNA}, data=form).status_code == 200


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, None])
@pytest.mark.parametrize("path", ["/verify", "/represent", "/compare"])
def test_a_blank_or_overlong_model_name_means_the_default(
    small_client: TestClient, path: str, name: str | None
) -> None:
    images = {"/verify": {"img1": b64(ANNA), "img2": b64(ANNA)}, "/represent": {"img": b64(ANNA)}}
    fields = images.get(path, {"source_vector": [1.0] * 32, "target_vector": [1.0] * 32})
    answer = small_client.post(path, json={**fields, "model_name": name}).json()
    shown = answer[0] if path == "/represent" else answer
    assert shown.get("model_name", shown.get("model")) == "tiny-32"


def test_enforce_detection_false_takes_the_whole_photo(small_client: TestClient) -> None:
    refused = small_client.post("/represent", json={"img": b64(NOBODY)})
    assert (refused.status_code, refused.json()["error"]) == (422, "no_face_detected")
    (face,) = small_client.post("/represent", json={"img": b64(NOBODY), "enforce_detection": False}).json()
    assert face["face_confidence"] == 0
    assert (face["facial_area"]["w"], face["facial_area"]["h"]) == (320, 240)


@pytest.mark.parametrize("name", ["opencv", "OpenCV", "retinaface", "", None])
def test_a_detector_of_the_contract_is_answered_by_the_default_one_which_is_named(
    small_client: TestClient, name: str | None
) -> None:
    body = small_client.post("/verify", json={"img1": b64(ANNA), "img2": b64(ANNA), "detector_backend": name}).json()
    assert body["detector_backend"] == "frames"


def test_an_unknown_detector_is_refused(small_client: TestClient) -> None:
    answer = small_client.post("/represent", json={"img": b64(ANNA), "detector_backend": "skip"})
    assert (answer.status_code, answer.json()["error"]) == (400, "detector_backend_not_allowed")
    assert "frames" in answer.json()["detail"]


def test_the_served_system_stands_in_for_the_detectors_of_deepface_and_says_so(whole: System) -> None:
    assert {"opencv", "retinaface", "ssd", "dlib", "mediapipe", "yolov8", "centerface", "fastmtcnn"} <= set(
        STOOD_IN_FOR
    )
    assert "skip" not in STOOD_IN_FOR
    known = whole.capabilities()
    assert known["detector_aliases"]["opencv"] == known["defaults"]["detector_backend"]


# --- distances ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [(1, 1), (1, 2), (3, 4), (5, 5)])
def test_the_metrics_agree_with_each_other(small_client: TestClient, people: tuple[int, int]) -> None:
    first, second = drawn_photo(people[0]), drawn_photo(people[1], noise=25, photo=1)
    answers = {}
    for metric in ("cosine", "euclidean", "euclidean_l2"):
        fields = {"img1": b64(first), "img2": b64(second), "distance_metric": metric}
        answers[metric] = small_client.post("/verify", json=fields).json()
    assert len({answer["verified"] for answer in answers.values()}) == 1
    for metric in ("euclidean", "euclidean_l2"):  # on the unit sphere both are sqrt(2 * cosine distance)
        for name in ("distance", "threshold"):
            assert answers[metric][name] == pytest.approx(math.sqrt(2 * answers["cosine"][name]), abs=2e-3)


def test_there_is_no_angular_metric(small_client: TestClient) -> None:
    answer = small_client.post("/verify", json={"img1": b64(ANNA), "img2": b64(ANNA), "distance_metric": "angular"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# --- compare ------------------------------------------------------------------------------------------------------

A, B = [1.0] + [0.0] * 31, [0.0, 1.0] + [0.0] * 30


@pytest.mark.parametrize(
    "vector",
    [[0.0] * 32, [1e-30] * 32, [1.0] * 31, [1.0] * 33, [], [1e308] * 32, [float("inf")] + [0.0] * 31, [10**400] * 32],
    ids=["zero", "nearly zero", "short", "long", "empty", "overflow", "infinity", "no float"],
)
@pytest.mark.parametrize("side", ["source_vector", "target_vector", "target_vectors"])
def test_a_vector_that_cannot_be_compared_is_refused(small_client: TestClient, side: str, vector: list[float]) -> None:
    fields: dict[str, Any] = {"source_vector": A, "target_vector": A}
    if side == "target_vectors":
        del fields["target_vector"]
    fields[side] = [{"id": 1, "vector": A}, {"id": 2, "vector": vector}] if side == "target_vectors" else vector
    answer = small_client.post("/compare", content=json.dumps(fields))
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in ("vector_mismatch", "invalid_request")


def test_nan_cannot_be_sent_in_any_spelling(small_client: TestClient) -> None:
    for spelt in ("NaN", '"NaN"', "null", "true", '"1"'):
        body = f'{{"source_vector": [{spelt}{", 1" * 31}], "target_vector": {json.dumps(A)}}}'
        assert small_client.post("/compare", content=body).status_code == 400


def test_compare_keeps_ids_and_order_and_follows_face_index(small_client: TestClient) -> None:
    faces = small_client.post("/represent", json={"img": b64(TWO)}).json()
    targets = [{"id": "one", "vector": faces[0]["embedding"]}, {"id": 2, "vector": faces[1]["embedding"]}]
    for index in (0, 1):
        fields = {"img": b64(TWO), "target_vectors": targets, "face_index": index}
        lines = small_client.post("/compare", json=fields).json()["results"]
        assert [line["id"] for line in lines] == ["one", 2]
        assert lines[index]["similarity"] == pytest.approx(1, abs=1e-5)
    none = small_client.post("/compare", json={"img": b64(TWO), "target_vectors": targets, "face_index": 2})
    assert none.status_code == 400


# --- errors and headers -------------------------------------------------------------------------------------------


def test_every_failure_has_error_and_detail(small_client: TestClient) -> None:
    for path in ("/verify", "/represent", "/compare"):
        body = small_client.post(path, json={"img": "###"}).json()
        assert isinstance(body["error"], str)
        assert isinstance(body["detail"], str)


def test_the_request_id_is_echoed_on_answers_and_on_failures(small_client: TestClient) -> None:
    for fields in ({"img": b64(ANNA)}, {"img": ""}):
        sent = str(uuid.uuid4())
        assert (
            small_client.post("/represent", json=fields, headers={"x-request-id": sent}).headers["x-request-id"] == sent
        )


def test_the_rate_headers_and_when_to_come_back(whole: System) -> None:
    _, secret = whole.keys.create("app", ["represent"], requests_per_minute=1)
    with TestClient(create_app(whole), headers={"Authorization": f"Bearer {secret}"}) as client:
        first, second = (client.post("/represent", json={"img": b64(ANNA)}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 429)
    assert second.json()["error"] == "rate_limited"
    for answer in (first, second):
        assert answer.headers["ratelimit-limit"] == "1"
        assert answer.headers["ratelimit-remaining"] == "0"
        assert 0 < int(answer.headers["ratelimit-reset"]) <= 60
    assert 0 < int(second.headers["retry-after"]) <= 60


# --- the two curl lines of the project's origin -------------------------------------------------------------------


def test_where_the_default_is_missing_too_it_is_501_with_the_command(
    small_client: TestClient, whole: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(name: str | None) -> str:
        raise ModelNotInstalled("facenet128 is not on this machine; run: vultus models pull facenet128")

    monkeypatch.setattr(whole.models, "resolve", resolve)
    represent = small_client.post("/represent", files={"img": ("image.jpg", ANNA)}, data={"model_name": "Facenet"})
    verify = small_client.post("/verify", files={"img1": ANNA, "img2": ANNA}, data={"model_name": "Facenet"})
    for answer in (represent, verify):
        assert (answer.status_code, answer.json()["error"]) == (501, "model_not_installed")
        assert "vultus models pull facenet128" in answer.json()["detail"]


def test_the_compatibility_page_names_every_field_and_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text("utf-8")
    fields = ["img1", "img2", "source_vector", "target_vectors", "vector_b", "face_index", *OPTIONS, "distance_metric"]
    codes = ["missing_api_key", "invalid_api_key", "account_inactive", "insufficient_credits", "rate_limited"]
    codes += ["request_too_large", "queue_full", "queue_timeout", "upstream_failed", "upstream_timeout"]
    codes += ["no_face_detected", "request_id_conflict"]
    headers = ["x-request-id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"]
    assert not [name for name in fields + codes + headers + list(STOOD_IN_FOR) if f"`{name}`" not in page]

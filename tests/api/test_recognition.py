"""The answers of the compute calls."""

from __future__ import annotations

import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.standin import FACE, StandInService, photo

AREA = {"x": 10, "y": 21, "w": 80, "h": 89, "left_eye": [71, 41], "right_eye": [30, 40]}
ONLY = {"rule": "only", "index": 0, "facial_area": AREA, "detail": "the only face"}
QUALITY_PARTS = {"score": 80.0, "size": 90.0, "sharpness": 70.0}


def test_the_left_eye_is_the_persons_own(client: TestClient) -> None:
    (face, blind) = client.post("/detect", files={"img": photo()}).json()["faces"]
    assert face["facial_area"] == AREA  # the person's left eye is the right one in the photo: x = 70.6
    assert face["landmarks"][0] == [30.2, 40.4]
    assert face["quality"] == {"score": 80.0, "size": 90.0, "sharpness": 70.0}
    assert blind["facial_area"]["left_eye"] is blind["landmarks"] is None


def test_detect_without_a_face_is_an_empty_list(client: TestClient) -> None:
    assert client.post("/detect", files={"img": photo("none")}).json() == {"faces": [], "faces_found": 0}


def test_represent_is_a_bare_array(client: TestClient) -> None:
    answer = client.post("/represent", files={"img": photo()}, data={"model_name": "Facenet"}).json()
    (face,) = answer
    assert face.pop("embedding") == pytest.approx([0.6, 0.8])
    assert face == {"model_name": "Facenet", "model_id": "tiny", "facial_area": AREA, "face_confidence": FACE.score}


def test_verify_answers_what_the_contract_lists(client: TestClient) -> None:
    answer = client.post("/verify", files={"img1": photo(), "img2": photo("two")}, data={"target_fmr": "1e-3"}).json()
    assert answer.pop("time") >= 0
    assert answer.pop("distance") == pytest.approx(0.18)
    assert answer.pop("threshold") == pytest.approx(0.32)
    assert answer == {
        "verified": True,
        "decision": "match",
        "reason": "as it stands",
        "similarity": 0.82,
        "score": 0.82,
        "model": "tiny",
        "model_id": "tiny",
        "detector_backend": "yunet",
        "similarity_metric": "cosine",
        "facial_areas": {"img1": AREA, "img2": {**AREA, "chosen": "largest of 2"}},
        "faces_found": {"img1": 1, "img2": 2},
        "chosen": {
            "img1": ONLY,
            "img2": {"rule": "largest", "index": 0, "facial_area": AREA, "detail": "largest of 2"},
        },
        "other_faces": {
            "img1": [],
            "img2": [{"facial_area": AREA, "face_confidence": FACE.score, "quality": QUALITY_PARTS, "prominence": 0.4}],
        },
        "expected_fmr": 0.001,
        "threshold_rule": {
            "kind": "target_fmr",
            "similarity_threshold": 0.68,
            "expected": 0.001,
            "model_id": "tiny",
            "supported": True,
            "note": None,
        },
    }


@pytest.mark.parametrize("metric", ["euclidean", "euclidean_l2"])
def test_euclidean_distances_are_chords_of_the_unit_sphere(client: TestClient, metric: str) -> None:
    files = {"img1": photo(), "img2": photo()}
    answer = client.post("/verify", files=files, data={"distance_metric": metric, "model_name": "Facenet"}).json()
    assert answer["distance"] == pytest.approx(0.6)  # sqrt(2 - 2 * 0.82) = sqrt(0.36)
    assert answer["threshold"] == pytest.approx(0.8)  # sqrt(2 - 2 * 0.68) = sqrt(0.64)
    assert (answer["model"], answer["model_id"]) == ("Facenet", "tiny")


def test_verify_against_a_subject(client: TestClient, service: StandInService) -> None:
    client.post("/enroll", files={"img": photo()}, data={"subject": "anna/1", "collection": "staff"})
    answer = client.post("/verify", files={"img": photo()}, data={"subject": "anna/1", "collection": "staff"})
    assert answer.json()["verified"] is True
    assert answer.json()["facial_areas"] == {"img1": AREA, "img2": None}
    assert (service.asked["subject"], service.asked["collection"]) == ("anna/1", "staff")


def test_find_answers_what_the_contract_lists(client: TestClient, service: StandInService) -> None:
    client.put("/collections/staff")
    answer = client.post("/find", files={"img": photo()}, data={"collection": "staff", "top_k": "3"}).json()
    assert service.asked["top_k"] == 3
    (face,) = answer.pop("faces")
    assert answer.pop("time") >= 0
    assert answer == {
        "collection": "staff",
        "gallery": {"subjects": 1, "faces": 1},
        "model": "tiny",
        "model_id": "tiny",
        "detector_backend": "yunet",
        "faces_found": 1,
        "chosen": ONLY,
        "other_faces": [],
    }
    assert (face["decision"], face["threshold"], face["threshold_rule"]["templates"]) == ("match", 0.7, 3)
    (match,) = face["matches"]
    assert math.isclose(match.pop("distance"), 0.1)
    assert match == {
        "subject": "anna-1",
        "name": "Anna",
        "face_id": "f1",
        "similarity": 0.9,
        "score": 0.9,
        "threshold": 0.7,
        "above_threshold": True,
        "metadata": {"team": "lab"},
    }


def test_a_collection_bound_to_another_model_is_a_conflict(client: TestClient) -> None:
    client.put("/collections/staff")
    fields = {"collection": "staff", "model_name": "Facenet"}
    answer = client.post("/find", files={"img": photo()}, data=fields)
    assert (answer.status_code, answer.json()["error"]) == (409, "model_mismatch")


def test_enroll_is_201_and_the_same_photo_again_200(client: TestClient) -> None:
    request: dict[str, Any] = {"files": {"img": photo()}, "data": {"subject": "anna-1", "name": "Anna"}}
    first, second = client.post("/enroll", **request), client.post("/enroll", **request)
    assert (first.status_code, second.status_code) == (201, 200)
    body = first.json()
    (face,), (again,) = body.pop("faces"), second.json()["faces"]
    assert body.pop("time") >= 0
    assert body == {
        "subject": "anna-1",
        "name": "Anna",
        "collection": "default",
        "model": "tiny",
        "model_id": "tiny",
        "rejected": [],
        "expires_at": None,
    }
    assert (face["created"], again["created"], again["face_id"]) == (True, False, face["face_id"])
    assert face["facial_area"] == AREA
    assert face["photo"] == {"sha256": face["face_id"], "width": 64, "height": 48}


def test_a_new_photo_among_known_ones_is_201(client: TestClient) -> None:
    client.post("/enroll", files={"img": photo()}, data={"subject": "anna-1"})
    files: Any = [("img", photo()), ("img", photo("new"))]
    assert client.post("/enroll", files=files, data={"subject": "anna-1"}).status_code == 201

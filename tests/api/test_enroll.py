"""/enroll by embeddings and of all faces of a photo, on a real database and index."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY
from vultus.storage.audit import Audit

JSON = {"content-type": "application/json"}


def embedding(client: TestClient, photo: bytes) -> list[float]:
    found: list[float] = client.post("/represent", files={"img": photo}).json()[0]["embedding"]
    return found


def unit(size: int = 32) -> list[float]:
    return [1.0] + [0.0] * (size - 1)


def refusal(client: TestClient, status: int = 400, **fields: Any) -> str:
    answer = client.post("/enroll", json=fields)
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


def enroll_all(client: TestClient, *people: int, status: int = 201, **fields: Any) -> dict[str, Any]:
    answer = client.post("/enroll", files={"img": drawn_photo(*people)}, data={"face": "all", **fields})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


# --- embeddings


def test_an_embedding_is_enrolled_and_the_answer_says_what_is_missing(small_client):
    vector = embedding(small_client, drawn_photo(1))
    fields = {"embedding": vector, "model_name": TINY, "subject": "ada", "name": "Ada"}
    answer = small_client.post("/enroll", json=fields)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["subject"], body["name"], body["model_id"], body["rejected"]) == ("ada", "Ada", TINY, [])
    (face,) = body["faces"]
    assert "subject" not in face
    assert (face["photo"], face["facial_area"], face["face_confidence"], face["quality"]) == (None,) * 4
    assert [(one["code"], one["image"]) for one in body["cautions"]] == [("no_photo", "embedding")]
    assert small_client.post("/enroll", json=fields).status_code == 200
    found = small_client.post("/find", files={"img": drawn_photo(1)}).json()["faces"][0]
    assert (found["decision"], found["matches"][0]["face_id"]) == ("match", face["face_id"])


def test_several_embeddings_in_a_form(small_client):
    vectors = [embedding(small_client, drawn_photo(1, photo=i, noise=3 * i)) for i in range(2)]
    fields = {"embedding": json.dumps(vectors), "model_name": TINY, "subject": "ada"}
    assert (
        len(small_client.post("/enroll", data=fields, files={"x": b""}).json().get("faces", [])) == 0
    )  # unknown field
    boundary = {"subject": (None, "ada"), "model_name": (None, TINY), "embedding": (None, json.dumps(vectors))}
    assert len(small_client.post("/enroll", files=boundary).json()["faces"]) == 2


def test_a_face_without_a_photo_is_shown_in_lists_and_has_no_photo_to_get(small_client):
    body = small_client.post("/enroll", json={"embedding": unit(), "model_name": TINY, "subject": "ada"}).json()
    face_id = body["faces"][0]["face_id"]
    (listed,) = small_client.get("/collections/default/subjects/ada/faces").json()["faces"]
    assert (listed["face_id"], listed["photo"], listed["facial_area"], listed["quality"]) == (face_id, None, None, None)
    for query in ("", "?crop=face"):
        answer = small_client.get(f"/faces/{face_id}/photo{query}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert f"no photo is kept of face {face_id}" in answer.json()["detail"]
    assert small_client.delete(f"/faces/{face_id}").json()["deleted"] == {"faces": 1, "photos": 0}


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (unit()[:-1], "shape (31,)"),
        ([0.0] * 32, "length 0"),
        ([2.0, *unit()[1:]], "length 2"),
        ([1e39] * 32, "NaN or infinite"),
        ([[*unit()], unit(31)], "shape (31,)"),
    ],
)
def test_an_embedding_that_does_not_compare_is_refused_and_nothing_is_stored(small_client, vector, said):
    answer = small_client.post("/enroll", json={"embedding": vector, "model_name": TINY, "subject": "ada"})
    assert (answer.status_code, answer.json()["error"]) == (400, "vector_mismatch")
    assert said in answer.json()["detail"]
    assert small_client.get("/collections").json() == {"collections": []}


@pytest.mark.parametrize(
    "values", ["[NaN]", "[1e400]", "[]", "{}", "3", '"x"', "[true]", "[[]]", "[[1], 2]", f"[{10**400}]"]
)
def test_what_is_no_embedding_is_refused(small_client, values):
    body = f'{{"embedding": {values}, "model_name": "{TINY}"}}'
    assert small_client.post("/enroll", content=body, headers=JSON).status_code == 400


def test_embeddings_are_as_many_as_images_at_most(small_client, settings):
    most = settings.max_enroll_images
    for count in (most + 1, 5000):
        said = refusal(small_client, 413, embedding=[unit()] * count, model_name=TINY)
        assert said == f"{count} embeddings were sent, the limit is {most}; send fewer at a time"


def test_an_embedding_of_another_model_is_refused(small_client):
    small_client.put("/collections/default", json={"model": TINY})
    answer = small_client.post("/enroll", json={"embedding": unit(16), "model_name": OTHER})
    assert (answer.status_code, answer.json()["error"]) == (409, "model_mismatch")


def test_an_embedding_comes_with_its_model_and_without_what_is_about_photos(small_client):
    assert "an embedding needs model_name" in refusal(small_client, embedding=unit())
    for name, value in {"min_quality": 5, "face": "largest", "align": False, "detector_backend": "frames"}.items():
        assert refusal(small_client, embedding=unit(), model_name=TINY, **{name: value}) == (
            f"an embedding excludes {name}; leave out one or the other"
        )
    assert "excludes img" in refusal(small_client, embedding=unit(), model_name=TINY, img="aGk=")
    assert refusal(small_client, subject="ada") == 'field "img" is missing'


# --- all faces of a photo


def test_all_faces_of_a_photo_become_new_subjects(small_client):
    body = enroll_all(small_client, 1, 2)
    assert (body["subject"], body["name"]) == (None, None)
    owners = [face["subject"] for face in body["faces"]]
    listed = small_client.get("/collections/default/subjects").json()["subjects"]
    assert sorted(owners) == [subject["subject"] for subject in listed]
    assert body["faces"][0]["facial_area"]["w"] > body["faces"][1]["facial_area"]["w"]
    assert "cautions" not in body
    found = small_client.post("/find", files={"img": drawn_photo(2)}).json()["faces"][0]
    assert found["matches"][0]["subject"] == owners[1]


def test_faces_go_to_the_subjects_named_and_the_audit_has_one_line(small, small_client):
    body = enroll_all(small_client, 1, 2, 3, subjects='["ada", null, "eve"]')
    owners = [face["subject"] for face in body["faces"]]
    assert (owners[0], owners[2]) == ("ada", "eve")
    again = enroll_all(small_client, 1, 2, 3, status=200, subjects=json.dumps(owners))
    assert [face["created"] for face in again["faces"]] == [False] * 3
    (line,) = (line for line in Audit(small.gallery._database).lines() if line.action == "enroll")
    assert line.objects == tuple(face["face_id"] for face in body["faces"])


def test_a_face_below_the_floor_is_listed_with_its_place(small_client):
    detected = small_client.post("/detect", files={"img": drawn_photo(1, 2)}).json()["faces"]
    floor = np.mean([face["quality"]["score"] for face in detected])
    body = enroll_all(small_client, 1, 2, min_quality=str(floor))
    assert len(body["faces"]) == 1
    assert [(no["index"], no["face"], no["error"]) for no in body["rejected"]] == [(0, 1, "low_quality")]
    refused = enroll_all(small_client, 1, 2, status=422, min_quality="100")
    assert refused["error"] == "low_quality"


def test_a_photo_without_faces_is_refused(small_client):
    assert enroll_all(small_client, status=422)["error"] == "no_face_detected"


def test_face_all_takes_one_photo_and_as_many_subjects_as_faces(small_client):
    photos = [("img", drawn_photo(person)) for person in (1, 2)]
    answer = small_client.post("/enroll", files=photos, data={"face": "all"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "face=all takes one photo, 2 were sent; send them one by one"
    said = enroll_all(small_client, 1, 2, status=400, subjects='["ada"]')["detail"]
    assert "subjects has 1 entries, but 2 faces are in the photo" in said
    assert "twice" in enroll_all(small_client, 1, 2, status=400, subjects='["ada", "ada"]')["detail"]
    for wrong in ('["a b\\u0000"]', "[3]", "x", "{}", '"ada"'):
        assert "subjects" in enroll_all(small_client, 1, 2, status=400, subjects=wrong)["detail"]
    assert enroll_all(small_client, 1, 2, status=400, subject="ada")["detail"] == (
        "face=all excludes subject; leave out one or the other"
    )
    answer = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subjects": '["ada"]'})
    assert answer.json()["detail"] == "subjects needs face=all; for photos of one person send subject"
    assert small_client.get("/collections").json() == {"collections": []}


def test_the_answer_about_one_person_has_the_fields_of_the_contract(small_client):
    body = small_client.post("/enroll", files={"img": drawn_photo(1)}, data={"subject": "ada"}).json()
    assert list(body) == [
        "subject",
        "name",
        "expires_at",
        "collection",
        "model",
        "model_id",
        "faces",
        "rejected",
        "time",
    ]
    assert list(body["faces"][0]) == [
        *("face_id", "facial_area", "face_confidence", "quality", "photo", "created"),
        *("faces_found", "chosen", "other_faces"),
    ]

"""/find by an enrolled face and by an embedding, on a real database and index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY


def enroll(client: TestClient, subject: str, *photos: bytes, collection: str = "default") -> list[str]:
    fields = {"subject": subject, "collection": collection}
    answer = client.post("/enroll", files=[("img", (f"{i}.png", one)) for i, one in enumerate(photos)], data=fields)
    return [face["face_id"] for face in answer.json()["faces"]]


def embedding(client: TestClient, photo: bytes) -> list[float]:
    found: list[float] = client.post("/represent", files={"img": photo}).json()[0]["embedding"]
    return found


def refusal(client: TestClient, **fields: Any) -> str:
    answer = client.post("/find", json=fields)
    assert answer.status_code == 400
    return str(answer.json()["detail"])


@pytest.fixture
def people(small_client: TestClient) -> dict[str, list[str]]:
    """Subject -> face ids; the two faces of ada are alike."""
    ada = enroll(small_client, "ada", drawn_photo(1), drawn_photo(1, photo=1, noise=5))
    return {"ada": ada, "bob": enroll(small_client, "bob", drawn_photo(2))}


def test_an_enrolled_face_finds_the_other_face_of_its_subject_and_never_itself(small_client, people):
    answer = small_client.post("/find", json={"face_id": people["ada"][0]}).json()
    assert answer["collection"] == "default"
    assert answer["detector_backend"] is None
    (face,) = answer["faces"]
    assert (face["facial_area"], face["face_confidence"]) == (None, None)
    assert face["quality"]["score"] > 0
    assert [line["face_id"] for line in face["matches"]] == [people["ada"][1], people["bob"][0]]
    assert face["decision"] == "match"


def test_a_face_that_is_alone_in_its_subject_finds_others_only(small_client, people):
    (face,) = small_client.post("/find", json={"face_id": people["bob"][0]}).json()["faces"]
    assert [line["subject"] for line in face["matches"]] == ["ada"]


def test_an_embedding_finds_what_its_photo_finds(small_client, people):
    vector = embedding(small_client, drawn_photo(1))
    by_photo = small_client.post("/find", files={"img": drawn_photo(1)}).json()["faces"][0]
    by_vector = small_client.post("/find", json={"embedding": vector, "model_name": TINY}).json()["faces"][0]
    assert by_vector["matches"] == by_photo["matches"]
    assert (by_vector["decision"], by_vector["threshold_rule"]) == (by_photo["decision"], by_photo["threshold_rule"])
    assert (by_vector["facial_area"], by_vector["quality"]) == (None, None)


def test_exactly_one_probe_is_asked_for(small_client, people):
    vector = embedding(small_client, drawn_photo(1))
    assert refusal(small_client) == 'field "img" is missing'
    assert "img and face_id exclude each other" in refusal(small_client, img="aGk=", face_id="x")
    assert "an embedding needs model_name" in refusal(small_client, embedding=vector)


def test_a_face_is_searched_in_its_own_collection_only(small_client, people):
    answer = refusal(small_client, face_id=people["ada"][0], collection="other")
    assert "enrolled in another collection" in answer
    assert small_client.post("/find", json={"face_id": "unknown"}).json()["error"] == "face_not_found"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda vector: vector[:-1], "shape (31,)"),
        (lambda vector: [0.0] * len(vector), "length 0"),
        (lambda vector: [2 * x for x in vector], "length 2"),
    ],
)
def test_an_embedding_that_does_not_compare_is_refused(small_client, people, spoil, said):
    vector = spoil(embedding(small_client, drawn_photo(1)))
    answer = small_client.post("/find", json={"embedding": vector, "model_name": TINY})
    assert (answer.status_code, answer.json()["error"]) == (400, "vector_mismatch")
    assert said in answer.json()["detail"]


def test_an_embedding_of_another_model_is_refused(small_client, people):
    answer = small_client.post("/find", json={"embedding": [1.0] + [0.0] * 15, "model_name": OTHER})
    assert (answer.status_code, answer.json()["error"]) == (409, "model_mismatch")


def test_an_embedding_with_nan_is_refused(small_client, people):
    body = '{"embedding": [NaN], "model_name": "tiny-32"}'
    answer = small_client.post("/find", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_a_face_erased_meanwhile_is_not_found(small_client, people):
    small_client.delete(f"/faces/{people['ada'][0]}")
    assert small_client.post("/find", json={"face_id": people["ada"][0]}).status_code == 404


def test_the_best_other_face_counts_whatever_the_rest_is(small, small_client):
    """Against the cosines of all embeddings, computed here."""
    ids = enroll(small_client, "ada", *(drawn_photo(1, photo=i, noise=2 * i) for i in range(3)))
    enroll(small_client, "bob", drawn_photo(2))
    face_ids, vectors = small.gallery.embeddings("default", "ada")
    probe = vectors[face_ids.index(ids[1])].astype(np.float64)
    cosines = {face: float(row @ probe) for face, row in zip(face_ids, vectors, strict=True) if face != ids[1]}
    (face,) = small_client.post("/find", json={"face_id": ids[1], "top_k": 1}).json()["faces"]
    assert face["matches"][0]["face_id"] == max(cosines, key=lambda one: cosines[one])
    assert face["matches"][0]["similarity"] == pytest.approx(max(cosines.values()), abs=1e-6)

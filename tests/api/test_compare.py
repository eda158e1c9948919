"""/compare over HTTP, on the small system with its tiny network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.pictures import drawn_photo
from vultus.api.app import create_app
from vultus.config import Settings
from vultus.wiring.parts import System

A = [1.0] + [0.0] * 31
B = [0.0, 1.0] + [0.0] * 30


@pytest.fixture
def client(small) -> Iterator[TestClient]:
    system = System(Settings(), small.service, small.keys, small.gallery, small.models, small.service.context.pipeline)
    _, key = small.keys.create("test", ["verify", "represent"])
    with TestClient(create_app(system), headers={"x-api-key": key}) as http:
        yield http


def test_one_vector_against_many_keeps_ids_and_order(client):
    targets = [{"id": "b", "vector": B}, {"id": 7, "vector": A}, {"vector": A}]
    answer = client.post("/compare", json={"source_vector": A, "target_vectors": targets}).json()
    assert answer["model_name"] == "tiny-32"
    assert answer["distance_metric"] == "cosine"
    assert [(line["id"], line["distance"], line["verified"]) for line in answer["results"]] == [
        ("b", 1.0, False), (7, 0.0, True), (2, 0.0, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"source_vector": A, "target_vector": A},
        {"vector": A, "vector_b": A},
        {"vector": A, "target_vectors": [A]},
        {"source_vector": A, "vectors": [A]},
        {"source_vector": A, "vector": [A]},
    ],
)
def test_every_name_of_the_fields_means_the_same(client, body):
    answer = client.post("/compare", json={"model_name": "tiny-32", **body})
    assert [line["similarity"] for line in answer.json()["results"]] == [1.0], answer.text


def test_a_photo_in_a_form_against_a_vector_as_json_text(client):
    files = {"img": drawn_photo(1)}
    vector = client.post("/represent", files=files).json()[0]["embedding"]
    answer = client.post("/compare", files=files, data={"target_vector": json.dumps(vector), "metric": "euclidean_l2"})
    (line,) = answer.json()["results"]
    assert line["verified"]
    assert line["distance"] == pytest.approx(0, abs=1e-3)
    assert answer.json()["distance_metric"] == "euclidean_l2"


def test_an_own_threshold_is_a_distance_in_the_metric(client):
    body = {"source_vector": A, "target_vector": B, "distance_metric": "euclidean", "threshold": 1.5}
    answer = client.post("/compare", json=body).json()
    assert answer["threshold"] == 1.5
    assert answer["results"][0]["distance"] == pytest.approx(1.414214)  # sqrt(2 - 2 * 0)
    assert answer["results"][0]["verified"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"target_vector": A}, "invalid_request", "one source"),
        ({"source_vector": A}, "invalid_request", "one field with targets"),
        ({"source_vector": A, "target_vector": A, "vectors": [A]}, "invalid_request", "not 2"),
        ({"source_vector": A[:5], "target_vector": A}, "vector_mismatch", "5 numbers, tiny-32 has 32"),
        ({"source_vector": [0.0] * 32, "target_vector": A}, "vector_mismatch", "zero"),
        ({"source_vector": ["x"] * 32, "target_vector": A}, "invalid_request", "array of numbers"),
        ({"source_vector": A, "target_vectors": [{"id": 1, "vec": A}]}, "invalid_request", "{id, vector}"),
        ({"source_vector": A, "target_vectors": [{"id": [], "vector": A}]}, "invalid_request", "neither text"),
        ({"source_vector": A, "target_vectors": []}, "invalid_request", "target_vectors"),
        ({"source_vector": A, "target_vector": A, "metric": "angular"}, "invalid_request", "metric"),
        ({"source_vector": A, "target_vector": A, "threshold": 1, "target_fmr": 0.1}, "invalid_request", "exclude"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(client, body, code, words):
    answer = client.post("/compare", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, code)
    assert words in answer.json()["detail"]


def test_nan_in_a_vector_is_no_json(client):
    body = json.dumps({"source_vector": [float("nan")] * 32, "target_vector": A})
    answer = client.post("/compare", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "vector_mismatch")


def spread(seed: int) -> list[float]:
    """A vector of unit length that an embedding may be."""
    numbers = np.random.default_rng(seed).normal(size=32)
    return [float(x) for x in numbers / np.linalg.norm(numbers)]


def cautions(answer: Any) -> list[tuple[str, str]]:
    return [(one["code"], one["image"]) for one in answer.json().get("cautions", [])]


UNUSUAL = [
    ([2 * x for x in spread(1)], "has length 2, not 1"),
    (A, "is nearly zero but for one number"),
    ([32**-0.5] * 32, "has nearly the same number everywhere"),
]


@pytest.mark.parametrize(("vector", "why"), UNUSUAL)
def test_a_vector_that_looks_like_no_embedding_gets_a_caution(client, vector, why):
    answer = client.post("/compare", json={"source_vector": vector, "target_vectors": [spread(2)]})
    assert cautions(answer) == [("no_photo", "source_vector"), ("unusual_vector", "source_vector")]
    assert why in answer.json()["cautions"][1]["detail"]
    answer = client.post("/compare", json={"source_vector": spread(1), "target_vectors": [spread(2), vector, vector]})
    assert cautions(answer) == [("no_photo", "source_vector"), ("unusual_vector", "target_vector")]
    assert "vector 1 of target_vector" in answer.json()["cautions"][1]["detail"]
    assert "1 more" in answer.json()["cautions"][1]["detail"]


def test_the_model_s_own_embeddings_get_none_but_that_no_photo_was_sent(client):
    mine = client.post("/represent", files={"img": drawn_photo(1)}).json()[0]["embedding"]
    assert cautions(client.post("/compare", json={"source_vector": mine, "target_vector": mine})) == [
        ("no_photo", "source_vector")
    ]
    form = {"target_vector": json.dumps(mine)}
    assert cautions(client.post("/compare", files={"img": drawn_photo(1)}, data=form)) == []


@pytest.mark.parametrize(("vector", "why"), UNUSUAL[1:])
def test_find_and_enroll_say_the_same_of_such_an_embedding(small_client, vector, why):
    fields = {"embedding": vector, "model_name": "tiny-32"}
    enrolled = small_client.post("/enroll", json={"subject": "ada", **fields})
    (found,) = small_client.post("/find", json=fields).json()["faces"]
    for answer in enrolled.json(), found:
        assert [one["code"] for one in answer["cautions"]] == ["no_photo", "unusual_vector"]
        assert why in answer["cautions"][1]["detail"]

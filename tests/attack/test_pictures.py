"""Hostile pictures through every call that takes one: an answer or one clear refusal; no fault, no hang, no growth."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.attack import corpus
from tests.attack.budget import PICTURES, rounds
from tests.attack.resident import readable, resident_bytes
from tests.waiting import patient

FINE = (200, 201)
REFUSALS = (
    "invalid_image",
    "request_too_large",
    "no_face_detected",
    "multiple_faces",
    "low_quality",
    "invalid_request",
)
LONGEST_SECONDS = 10.0
VECTOR = "[" + ", ".join(["1"] * 32) + "]"


@pytest.fixture(scope="module")
def client(app: FastAPI, headers: dict[str, str]) -> Iterator[TestClient]:
    with TestClient(app, headers=headers) as http:
        assert http.post("/enroll", files={"img": corpus.PHOTO}, data={"subject": "known"}).status_code == 201
        yield http


def requests(picture: bytes) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Every call that takes an image, with the picture in each place."""
    good = ("a.png", corpus.PHOTO)
    return [
        ("/represent", {"img": ("a.jpg", picture)}, {}),
        ("/represent", {"img": ("a.jpg", picture)}, {"enforce_detection": "false"}),
        ("/detect", {"img": ("a.jpg", picture)}, {}),
        ("/find", {"img": ("a.jpg", picture)}, {}),
        ("/verify", {"img1": good, "img2": ("a.jpg", picture)}, {}),
        ("/verify", {"img": ("a.jpg", picture)}, {"subject": "known"}),
        ("/compare", {"img": ("a.jpg", picture)}, {"target_vector": VECTOR}),
        ("/enroll", {"img": ("a.jpg", picture)}, {"subject": "hostile", "face": "largest"}),
    ]


def send(client: TestClient, name: str, picture: bytes, path: str, files: Any, data: dict[str, str]) -> str:
    begun = time.monotonic()
    answer = client.post(path, files=files, data=data)
    assert time.monotonic() - begun < patient(LONGEST_SECONDS), (name, path)
    if answer.status_code in FINE:
        return "fine"
    body = answer.json()
    assert body["error"] in REFUSALS, (name, path, answer.text)
    assert len(body["detail"]) < 400, (name, path, answer.text)
    return str(body["error"])


def attack(client: TestClient, pictures: Iterable[tuple[str, bytes]], *, every_call: bool) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata
        for i, (name, picture) in enumerate(pictures):
            calls = requests(picture)
            for path, files, data in calls if every_call else [calls[i % len(calls)]]:
                outcomes[send(client, name, picture, path, files, data)] += 1
    return outcomes


def test_every_crafted_picture_through_every_call(client: TestClient) -> None:
    pictures = corpus.crafted()
    assert len(pictures) > 100
    outcomes = attack(client, pictures, every_call=True)
    print(f"\n{len(pictures)} crafted pictures: {dict(outcomes)}")
    assert outcomes["fine"] > 100
    assert outcomes["invalid_image"] > 300
    assert outcomes["request_too_large"] >= 40


def test_mutated_pictures(client: TestClient) -> None:
    outcomes = attack(client, corpus.mutated(400, seed=1), every_call=False)
    print(f"\n400 mutated pictures: {dict(outcomes)}")
    assert sum(outcomes.values()) == 400


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_very_many_mutated_pictures(client: TestClient, seed: int) -> None:
    pictures = list(corpus.mutated(2_000, seed=seed))
    outcomes: Counter[str] = Counter()
    for turn in rounds(20, PICTURES / 10):
        outcomes += attack(client, pictures[turn::20], every_call=True)
    print(f"\n{sum(outcomes.values())} calls with mutated pictures: {dict(outcomes)}")


@pytest.mark.skipif(not readable, reason="memory is read from /proc")
def test_hostile_pictures_do_not_make_memory_grow(client: TestClient) -> None:
    bombs = [*corpus.bombs(), *corpus.mutated(60, seed=3)]
    for _ in range(3):
        attack(client, bombs, every_call=False)
    before = resident_bytes()
    for _ in range(3):
        attack(client, bombs, every_call=False)
    assert resident_bytes() < before * 1.03

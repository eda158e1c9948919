"""Requests in a row: memory stays where it was after the first ones."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.pictures import drawn_photo, encoded, opened
from tests.standins import TINY

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
PHOTOS = [drawn_photo(person) for person in range(4)]
BROKEN = encoded(opened(PHOTOS[0]), "JPEG")[:3000]
VECTOR = np.ones(32).tolist()


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def many(client: TestClient, count: int) -> None:
    """Requests of every kind in turn; what is enrolled is forgotten again."""
    for i in range(count):
        photo, turn = PHOTOS[i // 8 % 4], i % 8
        if turn == 0:
            client.post("/enroll", files={"img": photo}, data={"subject": f"s{i % 5}", "min_quality": "0"})
        elif turn == 1:
            client.post("/represent", files={"img": photo}, data={"model_name": TINY})
        elif turn == 2:
            client.post("/verify", files={"img1": photo, "img2": PHOTOS[0]})
        elif turn == 3:
            client.post("/find", files={"img": photo})
        elif turn == 4:
            client.post("/compare", json={"source_vector": VECTOR, "target_vectors": [VECTOR] * 50})
        elif turn == 5:
            client.post("/represent", files={"img": BROKEN})
        elif turn == 6:
            client.get(f"/collections/default/subjects/{i}", headers={"x-api-key": str(i)})
        else:
            client.delete(f"/collections/default/subjects/s{i % 5}")


def growth(client: TestClient, warm_up: int, count: int) -> float:
    many(client, warm_up)
    before = resident_bytes()
    many(client, count)
    return resident_bytes() / before - 1


def test_two_thousand_requests_do_not_make_memory_grow(app: FastAPI, headers: dict[str, str]) -> None:
    with TestClient(app, headers=headers) as client:
        grown = growth(client, 400, 2_000)
    print(f"\n2000 requests: resident memory {grown:+.2%}")
    assert grown < 0.03


@pytest.mark.soak
def test_fifty_thousand_requests_do_not_make_memory_grow(app: FastAPI, headers: dict[str, str]) -> None:
    with TestClient(app, headers=headers) as client:
        grown = growth(client, 5_000, 50_000)
    print(f"\n50000 requests: resident memory {grown:+.2%}")
    assert grown < 0.03

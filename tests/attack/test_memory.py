"""Requests in a row: memory stays where it was after the first ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.attack import budget
from tests.attack.budget import rounds
from tests.attack.resident import readable, resident_bytes
from tests.pictures import drawn_photo, encoded, opened
from tests.standins import TINY

pytestmark = pytest.mark.skipif(not readable, reason="memory is read from /proc")
PHOTOS = [drawn_photo(person) for person in range(4)]
BROKEN = encoded(opened(PHOTOS[0]), "JPEG")[:3000]
VECTOR = np.ones(32).tolist()
MOST = 0.03
BLOCK = 200  # requests
READINGS = 4
ROUNDS = 3
SMALL_BYTES = 120_000_000  # of the small system alone: what other tests left in the process must not hide a leak
Act = Callable[[int], None] | None


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


def settled_bytes(client: TestClient) -> int:
    """The least of several readings: the database holds some MB more for a moment now and then, a leak for ever."""
    readings = []
    for _ in range(READINGS):
        many(client, 24)
        readings.append(resident_bytes())
    return min(readings)


def growth(client: TestClient, warm_up: int, count: int, *, seconds: float = float("inf"), after: Act = None) -> float:
    """How much memory grew over the requests, as a share of what it was after the first ones, `SMALL_BYTES` at most.

    count: of requests, or as many as fit the seconds. after: called after each block of requests with their number.
    """
    many(client, warm_up)
    before, done = settled_bytes(client), 0
    for _ in rounds(count // BLOCK, seconds):
        many(client, BLOCK)
        done += BLOCK
        if after is not None:
            after(BLOCK)
    grown = settled_bytes(client) - before
    share = grown / min(before, SMALL_BYTES)
    print(f"\n{done} of {count} requests: {before / 1e6:.1f} MB, {grown / 1e6:+.2f} MB, {share:+.2%}")
    return share


def lasting_growth(client: TestClient, warm_up: int, count: int, *, after: Act = None) -> float:
    """The least growth of up to ROUNDS: what other tests left behind comes and goes once, a leak grows in each."""
    least = float("inf")
    for _ in range(ROUNDS):
        least = min(least, growth(client, warm_up, count, after=after))
        if least < MOST:
            break
    return least


def test_eight_hundred_requests_do_not_make_memory_grow(app: FastAPI, headers: dict[str, str]) -> None:
    with TestClient(app, headers=headers) as client:
        assert lasting_growth(client, 400, 800) < MOST


def test_what_requests_keep_would_be_seen(app: FastAPI, headers: dict[str, str]) -> None:
    """The test above can fail: 15 MB a block of requests, as much as other tests' memory never moves."""
    kept: list[bytearray] = []

    def keep(requests: int) -> None:
        kept.extend(bytearray(1000) for _ in range(75 * requests))

    with TestClient(app, headers=headers) as client:
        assert growth(client, 100, 200, after=keep) > MOST  # each round of the test above is like this one


@pytest.mark.soak
def test_fifty_thousand_requests_do_not_make_memory_grow(app: FastAPI, headers: dict[str, str]) -> None:
    with TestClient(app, headers=headers) as client:
        assert growth(client, 4_000, 50_000, seconds=budget.MEMORY) < MOST

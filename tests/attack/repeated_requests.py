"""How memory grows while requests come one after another, in a process of its own.

    python -m tests.attack.repeated_requests WARM_UP COUNT [--keep] [--seconds S]

Prints the growth over COUNT requests after WARM_UP others, as a share of what the process held. In a process that has
run other tests, what they freed is used again, and a leak of some MB does not show. --keep: each request keeps 75 kB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from tests.attack.budget import rounds
from tests.attack.resident import resident_bytes
from tests.attack.small_target import small_target
from tests.pictures import drawn_photo, encoded, opened
from tests.standins import TINY
from vultus.api.app import create_app
from vultus.records.stored import SCOPES

PHOTOS = [drawn_photo(person) for person in range(4)]
BROKEN = encoded(opened(PHOTOS[0]), "JPEG")[:3000]
VECTOR = np.ones(32).tolist()
BLOCK = 100  # requests
READINGS = 4
KEPT_BYTES = 75_000
Act = Callable[[int], None]


def growth_apart(warm_up: int, count: int, *, keep: bool = False, seconds: float = float("inf")) -> float:
    """`growth` in a new process."""
    options = [str(warm_up), str(count), "--seconds", str(seconds), *(["--keep"] if keep else [])]
    command = [sys.executable, "-m", "tests.attack.repeated_requests", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(f"\n{done.stdout}")
    return float(done.stdout.split()[-1])


def growth(client: TestClient, warm_up: int, count: int, *, seconds: float, after: Act) -> float:
    """How much memory grew over the requests, as a share of what it was after the first ones.

    count: of requests, or as many as fit the seconds. after: called after each block of requests with their number.
    """
    many(client, warm_up)
    before, done = settled_bytes(client), 0
    for _ in rounds(count // BLOCK, seconds):
        many(client, BLOCK)
        done += BLOCK
        after(BLOCK)
    grown = settled_bytes(client) - before
    print(f"{done} of {count} requests: {before / 1e6:.1f} MB, {grown / 1e6:+.2f} MB, a share of {grown / before:.5f}")
    return grown / before


def settled_bytes(client: TestClient) -> int:
    """The least of several readings: the database holds some MB more for a moment now and then, a leak for ever."""
    readings = []
    for _ in range(READINGS):
        many(client, 24)
        readings.append(resident_bytes())
    return min(readings)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warm_up", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    kept: list[bytearray] = []

    def keep(requests: int) -> None:
        if options.keep:
            kept.extend(bytearray(KEPT_BYTES // 75) for _ in range(75 * requests))

    with tempfile.TemporaryDirectory() as folder, small_target(Path(folder)) as target:
        headers = {"x-api-key": target.keys.create("attacker", SCOPES)[1]}
        with TestClient(create_app(target), headers=headers) as client:
            share = growth(client, options.warm_up, options.count, seconds=options.seconds, after=keep)
    print(share)


if __name__ == "__main__":
    main()

"""Made-up people for tests: unit vectors that scatter about one direction each."""

from __future__ import annotations

import numpy as np

from vultus.records import Float32


def synthetic_people(
    people: int, photos: int, *, width: int = 32, scatter: float = 0.15, seed: int = 0
) -> tuple[Float32, list[str]]:
    """(people * photos, width) unit vectors, and whose each is: "p000", "p000", ..., "p001", ..."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, width)), photos, axis=0)
    vectors = (centres + scatter * width**0.5 * rng.normal(size=centres.shape) / 3).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, [f"p{person:03}" for person in range(people) for _ in range(photos)]

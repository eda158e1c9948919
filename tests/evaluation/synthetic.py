"""Synthetic people for tests: unit vectors that scatter about one direction each, and files in the place of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vultus.records.seen import Float32


def photos(root: Path, *names: str) -> Path:
    """Files of different content at each name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"photo {name}".encode())
    return root


def synthetic_people(
    people: int, photos: int, *, width: int = 32, scatter: float = 0.15, seed: int = 0
) -> tuple[Float32, list[str]]:
    """(people * photos, width) unit vectors, and whose each is: "p000", "p000", ..., "p001", ..."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, width)), photos, axis=0)
    vectors = (centres + scatter * width**0.5 * rng.normal(size=centres.shape) / 3).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, [f"p{person:03}" for person in range(people) for _ in range(photos)]
